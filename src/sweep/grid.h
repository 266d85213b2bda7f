/* The grid of a sweep: what each setting is fixed to, the axes, and the combinations to leave out. */
#ifndef SWEEP_GRID_H
#define SWEEP_GRID_H

#include "sweep/value.h"

#include <stdbool.h>
#include <stdint.h>

enum { GRID_MAX_RUNS = 1000000, AXIS_MAX_SETTINGS = 5 };

struct axis {
    int width; // settings that move together: one, or those of the axis `generator`
    enum setting_id ids[AXIS_MAX_SETTINGS];
    int64_t count;
    struct value *values; // [count, width]
};

struct exclusion {
    struct place place;
    int count; // of settings that have to match, all of them
    enum setting_id ids[SETTINGS];
    struct value values[SETTINGS];
    int64_t matches;
};

struct grid {
    char *name;
    struct place place;           // of the whole, to blame for what is missing
    struct value fixed[SETTINGS]; // what was said, or the default
    bool given[SETTINGS];         // said, as a fixed value or as an axis
    bool flawed[SETTINGS];        // what was said has a mistake in it
    bool set[SETTINGS];           // said by --set
    int axes;
    struct axis axis[SETTINGS];
    int exclusions;
    struct exclusion *exclusion;
};

/* Every setting at its default. */
void grid_init(struct grid *grid);
void grid_free(struct grid *grid);

void grid_fix(struct grid *grid, enum setting_id id, const struct value *value);

/* Takes the axis over. If it is of one setting that is an axis already, it takes that one's place. */
void grid_add_axis(struct grid *grid, const struct axis *axis);

/* Back to the default; no axis any more. */
void grid_drop(struct grid *grid, enum setting_id id);

/* Where the setting is given. */
struct place grid_location(const struct grid *grid, enum setting_id id);

/* False if all that was said about the setting was mistaken, so that nothing can be checked against it. */
bool grid_has_valid_value(const struct grid *grid, enum setting_id id);

/* Combinations, exclusions not yet left out; anything above GRID_LARGEST is too many, not exact. */
int64_t grid_size(const struct grid *grid);

/* The values of combination `index`, the last axis fastest. NULL: not given, without a default. */
void grid_choose(const struct grid *grid, int64_t index, const struct value *chosen[SETTINGS]);

/* Whether to leave this combination out; counts the matches. */
bool grid_excludes(struct grid *grid, const struct value *const chosen[SETTINGS]);

#endif
