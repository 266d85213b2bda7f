#include "sweep/canonical.h"

#include "base/hash.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- runs ----

// Settings sorted by column name, and the default of each setting. Filled at first use.
static struct {
    bool is_filled;
    enum setting_id order[SETTINGS];
    struct value defaults[SETTINGS];
} known;

static int by_column(const void *a, const void *b)
{
    return strcmp(settings[*(const enum setting_id *)a].column, settings[*(const enum setting_id *)b].column);
}

static void fill_known(void)
{
    for (enum setting_id id = 0; id < SETTINGS; id++) {
        known.order[id] = id;
        value_default(id, &known.defaults[id]);
    }
    qsort(known.order, SETTINGS, sizeof *known.order, by_column);
    known.is_filled = true;
}

static bool is_default(enum setting_id id, const struct value *value)
{
    return settings[id].default_text && value_compare(value, &known.defaults[id]) == 0;
}

void canonical_run(const struct run_spec *run, struct text *text)
{
    if (!known.is_filled)
        fill_known();
    for (int i = 0; i < SETTINGS; i++) {
        enum setting_id id = known.order[i];
        struct value value;
        value_load(id, run, &value);
        if (settings[id].outside_id || !settings_used(id, run) || is_default(id, &value))
            continue;
        text_add(text, settings[id].column);
        text_add(text, "=");
        value_print(id, &value, text);
        text_add(text, "\n");
    }
}

void canonical_run_id(const struct run_spec *run, char id[13])
{
    struct text text = {0};
    canonical_run(run, &text);
    uint64_t twelve_digits = hash_text(text.chars) >> 16;
    snprintf(id, 13, "%012llx", (unsigned long long)twelve_digits);
    if (id[0] <= '9')
        id[0] = "abcdef"[(id[0] - '0') % 6]; // an id that already begins with a letter stays as in schema 1
    text_free(&text);
}

// ---- the sweep ----

// An axis with one value is printed as a fixed setting.
static bool is_axis(const struct axis *axis)
{
    return axis->count > 1;
}

static void print_axis(const struct axis *axis, struct text *text)
{
    if (axis->width == 1)
        text_format(text, "  %s: [", settings_name(axis->ids[0]));
    else
        text_add(text, "  generator: [");
    for (int64_t i = 0; i < axis->count; i++) {
        text_add(text, i > 0 ? ", " : "");
        if (axis->width == 1) {
            value_print_yaml(axis->ids[0], &axis->values[i], text);
            continue;
        }
        for (int j = 0; j < axis->width; j++) {
            text_format(text, "%s%s: ", j == 0 ? "{" : ", ", settings[axis->ids[j]].key);
            value_print_yaml(axis->ids[j], &axis->values[i * axis->width + j], text);
        }
        text_add(text, "}");
    }
    text_add(text, "]\n");
}

static void print_axes(const struct grid *grid, struct text *text)
{
    bool any = false;
    for (int i = 0; i < grid->axes; i++) {
        if (!is_axis(&grid->axis[i]))
            continue;
        text_add(text, any ? "" : "axes:\n");
        print_axis(&grid->axis[i], text);
        any = true;
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Prints one line per exclusion that matched. Settings follow the order of the table, lines are sorted.
static void print_exclude(const struct grid *grid, struct text *text)
{
    char **lines = memory_small((size_t)grid->exclusions * sizeof *lines);
    int count = 0;
    for (int i = 0; i < grid->exclusions; i++) {
        const struct exclusion *exclusion = &grid->exclusion[i];
        if (exclusion->matches == 0)
            continue;
        struct text line = {0};
        for (enum setting_id id = 0; id < SETTINGS; id++)
            for (int j = 0; j < exclusion->count; j++) {
                if (exclusion->ids[j] != id)
                    continue;
                text_format(&line, "%s%s: ", line.length ? ", " : "", settings_name(id));
                value_print_yaml(id, &exclusion->values[j], &line);
            }
        lines[count++] = text_take(&line);
    }
    qsort(lines, (size_t)count, sizeof *lines, by_text);
    for (int i = 0; i < count; i++) {
        if (i == 0)
            text_add(text, "exclude:\n");
        if (i == 0 || strcmp(lines[i], lines[i - 1]) != 0)
            text_format(text, "  - {%s}\n", lines[i]);
    }
    for (int i = 0; i < count; i++)
        free(lines[i]);
    free(lines);
}

static void print_group(enum setting_group group, const struct value *const chosen[SETTINGS],
                        const bool varies[SETTINGS], struct text *text)
{
    bool any = false;
    for (enum setting_id id = 0; id < SETTINGS; id++) {
        if (settings[id].group != group || varies[id] || !chosen[id])
            continue;
        if (setting_groups[group] && !any)
            text_format(text, "%s:\n", setting_groups[group]);
        text_format(text, "%s%s: ", setting_groups[group] ? "  " : "", settings[id].key);
        value_print_yaml(id, chosen[id], text);
        text_add(text, "\n");
        any = true;
    }
}

void canonical_sweep(const struct grid *grid, struct text *text)
{
    const struct value *chosen[SETTINGS];
    bool varies[SETTINGS] = {false};
    grid_choose(grid, 0, chosen);
    for (int i = 0; i < grid->axes; i++)
        for (int j = 0; j < grid->axis[i].width; j++)
            varies[grid->axis[i].ids[j]] = is_axis(&grid->axis[i]);
    text_add(text, "name: ");
    text_add_json(text, grid->name);
    text_add(text, "\n");
    print_axes(grid, text);
    print_exclude(grid, text);
    for (enum setting_group group = 0; group < GROUPS; group++)
        print_group(group, chosen, varies, text);
}
