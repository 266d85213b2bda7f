/* The grid of a sweep: the fixed value of each setting, the axes, and the excluded combinations. */
#ifndef SWEEP_GRID_H
#define SWEEP_GRID_H

#include "sweep/value.h"

#include <stdbool.h>
#include <stdint.h>

enum { GRID_MAX_RUNS = 1000000, AXIS_MAX_SETTINGS = 5 };

struct axis {
    int width; // number of settings that vary together: 1, or more for the axis `generator`
    enum setting_id ids[AXIS_MAX_SETTINGS]; // [width]
    int64_t count;
    struct value *values; // [count, width]
};

struct exclusion {
    struct source_location location;
    int count;                     // settings; a combination is excluded if all of them match
    enum setting_id ids[SETTINGS]; // [count]
    struct value values[SETTINGS]; // [count]
    int64_t matches;               // combinations that matched so far
};

struct grid {
    struct diagnostics *diagnostics; // for the errors of the sweep; not owned
    char *name;
    struct source_location location; // start of the file, for errors about missing settings
    struct value fixed[SETTINGS];    // the value in the file, or the default
    bool is_set[SETTINGS];           // the sweep sets it, as a fixed value or as an axis
    bool has_error[SETTINGS];        // an error was recorded for the setting
    bool is_overridden[SETTINGS];    // set by --set
    int axes;
    struct axis axis[SETTINGS]; // [axes]
    int exclusions;
    struct exclusion *exclusion; // [exclusions]
};

/* Initialises a grid without axes, every setting at its default. The caller frees it with grid_free. */
void grid_init(struct grid *grid, struct diagnostics *diagnostics);
void grid_free(struct grid *grid);

/* Sets a setting to one value. */
void grid_fix(struct grid *grid, enum setting_id id, const struct value *value);

/* Adds an axis and takes ownership of its values. An axis of one setting replaces an existing axis of that
 * setting at the same position. */
void grid_add_axis(struct grid *grid, const struct axis *axis);

/* Resets the setting to its default and removes it from the axes. */
void grid_drop(struct grid *grid, enum setting_id id);

/* Source location of the setting's value, or of its first value on an axis. */
struct source_location grid_location(const struct grid *grid, enum setting_id id);

/* False if the setting has an error and no valid value; checks that depend on the value are skipped. */
bool grid_has_valid_value(const struct grid *grid, enum setting_id id);

/* Number of combinations, excluded ones included. A result above GRID_MAX_RUNS is a lower bound only. */
int64_t grid_size(const struct grid *grid);

/* Sets chosen[id] to each setting's value in combination `index`; the last axis varies fastest. NULL: the
 * setting is not set and has no default. */
void grid_choose(const struct grid *grid, int64_t index, const struct value *chosen[SETTINGS]);

/* True if an exclusion matches the combination. Counts the matches of each exclusion. */
bool grid_excludes(struct grid *grid, const struct value *const chosen[SETTINGS]);

/* Records an error for each setting that is required and not set. Call after all --set options. */
void grid_check_required(const struct grid *grid);

#endif
