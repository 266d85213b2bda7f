#include "sweep/expand.h"

#include "base/joined.h"
#include "base/memory.h"
#include "sweep/canonical.h"
#include "sweep/resolve.h"

#include <stdlib.h>
#include <string.h>

struct expansion {
    struct grid *grid;
    struct run_spec *run; // [runs]
    int64_t *index;       // [runs], the index of a run's combination in the grid
    int64_t runs;
    unsigned tasks, models, poolings; // bit k is set if the kind k occurs in a run
};

static void resolve_all(struct expansion *expansion, int64_t size)
{
    const struct value *chosen[SETTINGS];
    for (int64_t i = 0; i < size && !diagnostics_full(expansion->grid->diagnostics); i++) {
        grid_choose(expansion->grid, i, chosen);
        if (grid_excludes(expansion->grid, chosen))
            continue;
        struct run_spec *run = &expansion->run[expansion->runs];
        resolve_run(expansion->grid, chosen, run);
        expansion->tasks |= 1u << run->task.kind;
        expansion->models |= 1u << run->model.kind;
        expansion->poolings |= joined_bits((int)run->model.pooling);
        expansion->index[expansion->runs++] = i;
    }
}

// ---- exclusions ----

// True if a setting of the exclusion has an error or was changed by --set: the exclusion need not match.
static bool may_match_nothing(const struct grid *grid, const struct exclusion *exclusion)
{
    for (int i = 0; i < exclusion->count; i++)
        if (grid->has_error[exclusion->ids[i]] || grid->is_overridden[exclusion->ids[i]])
            return true;
    return false;
}

static void check_exclusions(const struct expansion *expansion)
{
    const struct grid *grid = expansion->grid;
    for (int i = 0; i < grid->exclusions; i++) {
        const struct exclusion *exclusion = &grid->exclusion[i];
        if (exclusion->matches == 0 && !may_match_nothing(grid, exclusion))
            diagnostics_add(expansion->grid->diagnostics, exclusion->location, "exclude",
                            "leaves nothing out; expected values that occur together in the grid");
    }
    if (expansion->runs == 0)
        diagnostics_add(expansion->grid->diagnostics, grid->exclusion[0].location, "exclude",
                        "leaves everything out; expected at least one run to remain");
}

// ---- settings without effect ----

static bool differs_from_default(const struct grid *grid, enum setting_id id)
{
    struct value default_value;
    value_default(id, &default_value);
    for (int i = 0; i < grid->axes; i++)
        if (grid->axis[i].ids[0] == id)
            return true;
    return grid->is_set[id] && value_compare(&grid->fixed[id], &default_value) != 0;
}

static void refuse_unused(const struct expansion *expansion, enum setting_id id, enum setting_id user,
                          unsigned users, int found)
{
    struct text names = {0};
    char word[SETTINGS_WORD];
    settings_print_choices(user, users, &names);
    diagnostics_add(expansion->grid->diagnostics, grid_location(expansion->grid, id), settings_name(id),
                    "is not used by `%s`; expected it only with %s %s", settings_joined(user, found, word),
                    settings[user].key, names.chars);
    text_free(&names);
}

static void refuse_alone(const struct expansion *expansion, enum setting_id id)
{
    const struct grid *grid = expansion->grid;
    for (int64_t i = 0; i < expansion->runs; i++)
        if (settings_enabled(id, &expansion->run[i]))
            return;
    diagnostics_add(grid->diagnostics, grid_location(grid, id), settings_name(id),
                    "is used only with %s above 0; expected both or neither",
                    settings_name(settings[id].with));
}

static void check_unused(const struct expansion *expansion)
{
    const struct run_spec *run = &expansion->run[0];
    for (enum setting_id id = 0; id < SETTINGS; id++) {
        unsigned tasks = settings[id].tasks, models = settings[id].models, poolings = settings[id].poolings;
        if (!differs_from_default(expansion->grid, id))
            continue;
        if (tasks != 0 && (tasks & expansion->tasks) == 0)
            refuse_unused(expansion, id, SETTING_TASK, tasks, (int)run->task.kind);
        else if (models != 0 && (models & expansion->models) == 0)
            refuse_unused(expansion, id, SETTING_MODEL, models, (int)run->model.kind);
        else if (poolings != 0 && (poolings & expansion->poolings) == 0)
            refuse_unused(expansion, id, SETTING_POOLING, poolings, (int)run->model.pooling);
        else if (settings[id].with != SETTING_TASK)
            refuse_alone(expansion, id);
    }
}

// ---- equal runs ----

static int by_id(const void *a, const void *b)
{
    const struct run_spec *x = *(const struct run_spec *const *)a, *y = *(const struct run_spec *const *)b;
    int order = strcmp(x->id, y->id);
    return order != 0 ? order : (x > y) - (x < y);
}

// Equal runs of two combinations differ only in values without effect. The error is at the last such value.
static void refuse_equal(const struct expansion *expansion, const struct run_spec *first,
                         const struct run_spec *second)
{
    const struct value *a[SETTINGS], *b[SETTINGS];
    grid_choose(expansion->grid, expansion->index[first - expansion->run], a);
    grid_choose(expansion->grid, expansion->index[second - expansion->run], b);
    for (int id = SETTINGS - 1; id >= 0; id--) {
        if (a[id] == b[id] || value_compare(a[id], b[id]) == 0)
            continue;
        struct text one = {0}, other = {0};
        value_print_yaml(id, a[id], &one);
        value_print_yaml(id, b[id], &other);
        diagnostics_add(
            expansion->grid->diagnostics, b[id]->location, settings_name(id),
            "%s and %s make the same run, of %d unknown%s and %d equation%s; expected runs that differ",
            one.chars, other.chars, second->unknowns, text_plural(second->unknowns), second->task.equations,
            text_plural(second->task.equations));
        text_free(&one);
        text_free(&other);
        return;
    }
}

static void check_ids(const struct expansion *expansion)
{
    struct run_spec **sorted = memory_small((size_t)expansion->runs * sizeof *sorted);
    for (int64_t i = 0; i < expansion->runs; i++)
        sorted[i] = &expansion->run[i];
    qsort(sorted, (size_t)expansion->runs, sizeof *sorted, by_id);
    for (int64_t i = 1; i < expansion->runs && !diagnostics_full(expansion->grid->diagnostics); i++)
        if (strcmp(sorted[i - 1]->id, sorted[i]->id) == 0)
            refuse_equal(expansion, sorted[i - 1], sorted[i]);
    free(sorted);
}

void expand_grid(struct grid *grid, struct run_spec **run, int64_t *runs)
{
    *run = NULL;
    *runs = 0;
    int64_t size = grid_size(grid);
    if (size > GRID_MAX_RUNS) {
        diagnostics_add(grid->diagnostics, grid_location(grid, grid->axis[0].ids[0]), "axes",
                        "make more than %d runs; expected a smaller grid", GRID_MAX_RUNS);
        return;
    }
    struct expansion expansion = {.grid = grid};
    expansion.run = memory_small((size_t)size * sizeof *expansion.run);
    expansion.index = memory_small((size_t)size * sizeof *expansion.index);
    resolve_all(&expansion, size);
    if (!diagnostics_full(grid->diagnostics)) {
        check_exclusions(&expansion);
        check_unused(&expansion);
    }
    if (grid->diagnostics->count == 0) {
        for (int64_t i = 0; i < expansion.runs; i++)
            canonical_run_id(&expansion.run[i], expansion.run[i].id);
        check_ids(&expansion);
    }
    free(expansion.index);
    *run = expansion.run;
    *runs = expansion.runs;
}
