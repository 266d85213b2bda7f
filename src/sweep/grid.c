#include "sweep/grid.h"

#include <stdlib.h>
#include <string.h>

void grid_init(struct grid *grid)
{
    memset(grid, 0, sizeof *grid);
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
    grid->given[id] = true;
}

static struct axis *axis_of(struct grid *grid, enum setting_id id, int *column)
{
    for (int i = 0; i < grid->axes; i++)
        for (int j = 0; j < grid->axis[i].width; j++)
            if (grid->axis[i].ids[j] == id) {
                *column = j;
                return &grid->axis[i];
            }
    return NULL;
}

void grid_add_axis(struct grid *grid, const struct axis *axis)
{
    int column;
    struct axis *old = axis->width == 1 ? axis_of(grid, axis->ids[0], &column) : NULL;
    if (old && old->width == 1) {
        free(old->values);
        *old = *axis;
    } else {
        for (int i = 0; i < axis->width; i++)
            grid_drop(grid, axis->ids[i]);
        grid->axis[grid->axes++] = *axis;
    }
    for (int i = 0; i < axis->width; i++)
        grid->given[axis->ids[i]] = true;
}

// Takes one of the settings that move together out of the axis.
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
    grid->given[id] = false;
    int column;
    struct axis *axis = axis_of(grid, id, &column);
    if (!axis)
        return;
    if (axis->width > 1) {
        remove_column(axis, column);
        return;
    }
    free(axis->values);
    grid->axes--;
    memmove(axis, axis + 1, (size_t)(&grid->axis[grid->axes] - axis) * sizeof *axis);
}

struct place grid_location(const struct grid *grid, enum setting_id id)
{
    for (int i = 0; i < grid->axes; i++)
        for (int j = 0; j < grid->axis[i].width; j++)
            if (grid->axis[i].ids[j] == id)
                return grid->axis[i].values[j].place;
    return grid->fixed[id].place;
}

bool grid_has_valid_value(const struct grid *grid, enum setting_id id)
{
    return grid->given[id] || !grid->flawed[id];
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
        chosen[id] = grid->given[id] || settings[id].standard ? &grid->fixed[id] : NULL;
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
        if (!chosen[id] || value_compare(id, chosen[id], &exclusion->values[i]) != 0)
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
