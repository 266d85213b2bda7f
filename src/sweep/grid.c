#include "sweep/grid.h"

#include <stdlib.h>
#include <string.h>

void grid_init(struct grid *grid, struct diagnostics *diagnostics)
{
    *grid = (struct grid){.diagnostics = diagnostics};
    for (enum setting_id id = 0; id < SETTINGS; id++)
        value_default(id, &grid->fixed[id]);
}

void grid_free(struct grid *grid)
{
    for (int i = 0; i < grid->axes; i++)
        free(grid->axis[i].values);
    free(grid->exclusion);
    free(grid->name);
    memset(grid, 0, sizeof *grid);
}

void grid_fix(struct grid *grid, enum setting_id id, const struct value *value)
{
    grid->fixed[id] = *value;
    grid->is_set[id] = true;
}

// Index of the axis of a setting, and the setting's place in a row of its values; -1: no axis.
static int axis_of(const struct grid *grid, enum setting_id id, int *column)
{
    for (int i = 0; i < grid->axes; i++)
        for (*column = 0; *column < grid->axis[i].width; ++*column)
            if (grid->axis[i].ids[*column] == id)
                return i;
    return -1;
}

void grid_add_axis(struct grid *grid, const struct axis *axis)
{
    int column, old = axis->width == 1 ? axis_of(grid, axis->ids[0], &column) : -1;
    if (old >= 0 && grid->axis[old].width == 1) {
        free(grid->axis[old].values);
        grid->axis[old] = *axis;
    } else {
        for (int i = 0; i < axis->width; i++)
            grid_drop(grid, axis->ids[i]);
        grid->axis[grid->axes++] = *axis;
    }
    for (int i = 0; i < axis->width; i++)
        grid->is_set[axis->ids[i]] = true;
}

// Removes one setting from an axis of several.
static void remove_column(struct axis *axis, int column)
{
    struct value *to = axis->values;
    for (int64_t i = 0; i < axis->count * axis->width; i++)
        if (i % axis->width != column)
            *to++ = axis->values[i];
    for (int i = column; i + 1 < axis->width; i++)
        axis->ids[i] = axis->ids[i + 1];
    axis->width--;
}

void grid_drop(struct grid *grid, enum setting_id id)
{
    value_default(id, &grid->fixed[id]);
    grid->is_set[id] = false;
    int column, index = axis_of(grid, id, &column);
    if (index < 0)
        return;
    struct axis *axis = &grid->axis[index];
    if (axis->width > 1) {
        remove_column(axis, column);
        return;
    }
    free(axis->values);
    grid->axes--;
    memmove(axis, axis + 1, (size_t)(&grid->axis[grid->axes] - axis) * sizeof *axis);
}

struct source_location grid_location(const struct grid *grid, enum setting_id id)
{
    int column, axis = axis_of(grid, id, &column);
    return axis >= 0 ? grid->axis[axis].values[column].location : grid->fixed[id].location;
}

bool grid_has_valid_value(const struct grid *grid, enum setting_id id)
{
    return grid->is_set[id] || !grid->has_error[id];
}

int64_t grid_size(const struct grid *grid)
{
    int64_t size = 1;
    for (int i = 0; i < grid->axes && size <= GRID_MAX_RUNS; i++)
        size *= grid->axis[i].count;
    return size;
}

void grid_choose(const struct grid *grid, int64_t index, const struct value *chosen[SETTINGS])
{
    for (enum setting_id id = 0; id < SETTINGS; id++)
        chosen[id] = grid->is_set[id] || settings[id].default_text ? &grid->fixed[id] : NULL;
    for (int i = grid->axes - 1; i >= 0; i--) {
        const struct axis *axis = &grid->axis[i];
        const struct value *values = &axis->values[index % axis->count * axis->width];
        for (int j = 0; j < axis->width; j++)
            chosen[axis->ids[j]] = &values[j];
        index /= axis->count;
    }
}

static bool matches(const struct exclusion *exclusion, const struct value *const chosen[SETTINGS])
{
    for (int i = 0; i < exclusion->count; i++) {
        enum setting_id id = exclusion->ids[i];
        if (!chosen[id] || value_compare(chosen[id], &exclusion->values[i]) != 0)
            return false;
    }
    return true;
}

bool grid_excludes(struct grid *grid, const struct value *const chosen[SETTINGS])
{
    bool excluded = false;
    for (int i = 0; i < grid->exclusions; i++) {
        if (!matches(&grid->exclusion[i], chosen))
            continue;
        grid->exclusion[i].matches++;
        excluded = true;
    }
    return excluded;
}

// ---- required settings ----

static bool is_set_or_invalid(const struct grid *grid, enum setting_id id)
{
    return grid->is_set[id] || grid->has_error[id];
}

// True if any run of the grid may have one of `tasks`, bits of enum task_kind.
static bool has_task_of(const struct grid *grid, unsigned tasks)
{
    int column, axis = axis_of(grid, SETTING_TASK, &column);
    if (axis < 0)
        return (1u << (int)grid->fixed[SETTING_TASK].element[0] & tasks) != 0;
    for (int64_t i = 0; i < grid->axis[axis].count; i++)
        if (1u << (int)grid->axis[axis].values[i].element[0] & tasks)
            return true;
    return false;
}

void grid_check_required(const struct grid *grid)
{
    bool unknowns = is_set_or_invalid(grid, SETTING_UNKNOWNS),
         inputs = is_set_or_invalid(grid, SETTING_GENERATOR_INPUTS),
         hidden = is_set_or_invalid(grid, SETTING_GENERATOR_HIDDEN);
    if (!grid->name)
        diagnostics_add(grid->diagnostics, grid->location, "name",
                        "is missing; expected a short text, such as `name: my-sweep`");
    if (!unknowns && !inputs && !hidden)
        diagnostics_add(
            grid->diagnostics, grid->location, "unknowns",
            "is missing; expected the number of weights to infer, or `generator:` with its shape");
    if (inputs != hidden && has_task_of(grid, TASKS_OF_NETWORKS)) {
        struct source_location found =
            grid_location(grid, inputs ? SETTING_GENERATOR_INPUTS : SETTING_GENERATOR_HIDDEN);
        diagnostics_add(grid->diagnostics, found.set ? found : grid->location,
                        inputs ? "generator.hidden" : "generator.inputs",
                        "is missing; expected both `inputs` and `hidden`, or `unknowns` instead of them");
    }
    bool ratio = is_set_or_invalid(grid, SETTING_EQUATION_RATIO),
         equations = is_set_or_invalid(grid, SETTING_EQUATIONS);
    if (!ratio && !equations && has_task_of(grid, TASKS_OF_PAIRS))
        diagnostics_add(
            grid->diagnostics, grid->location, "equation_ratio",
            "is missing; expected the number of equations per unknown, or `equations:`, their number");
    if (grid->is_set[SETTING_EQUATION_RATIO] && grid->is_set[SETTING_EQUATIONS])
        diagnostics_add(grid->diagnostics, grid_location(grid, SETTING_EQUATIONS), "equations",
                        "is set, and `equation_ratio` too; expected only one of the two");
}
