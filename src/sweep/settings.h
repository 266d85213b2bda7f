/* The settings of a sweep, as ONE table: what each is called, what it may be, what it is unless said, where a
 * run keeps it, and under which name the results file shows it.
 *
 * Reading, defaults, validation, run ids, `resolved`, the columns and the help text all come from the table;
 * a new setting is a new row. */
#ifndef SWEEP_SETTINGS_H
#define SWEEP_SETTINGS_H

#include "spec/run_spec.h"

#include <stdbool.h>
#include <stddef.h>

/* The order of the columns and of `resolved`. */
enum setting_id {
    SETTING_TASK,
    SETTING_MODEL,
    SETTING_UNKNOWNS,
    SETTING_EQUATION_RATIO,
    SETTING_EMBED_DIM,
    SETTING_POOLING,
    SETTING_SEED,
    SETTING_EQUATION_RANGE,
    SETTING_GENERATOR_INPUTS,
    SETTING_GENERATOR_HIDDEN,
    SETTING_GENERATOR_INIT,
    SETTING_GENERATOR_ACTIVATION,
    SETTING_GENERATOR_OUTPUTS,
    SETTING_STEPS,
    SETTING_BATCH,
    SETTING_SHARDS,
    SETTING_OPTIMIZER,
    SETTING_LEARNING_RATE,
    SETTING_SCHEDULE,
    SETTING_WARMUP_STEPS,
    SETTING_EVAL_POINTS,
    SETTING_OBJECTIVE,
    SETTING_PRECISION,
    SETTING_ENCODER,
    SETTING_DECODER,
    SETTING_NETWORK_HIDDEN,
    SETTING_HEADS,
    SETTING_QUERIES,
    SETTING_EVALUATION_EVERY,
    SETTING_EVALUATION_GENERATORS,
    SETTING_EVALUATION_INPUTS,
    SETTING_EVALUATION_SET_SIZES,
    SETTING_EVALUATION_NOISE,
    SETTING_EVALUATION_DIRECT_FIT,
    SETTINGS,
};

enum setting_group { GROUP_TOP, GROUP_GENERATOR, GROUP_TRAINING, GROUP_NETWORK, GROUP_EVALUATION, GROUPS };

enum setting_type {
    SETTING_INTEGER,
    SETTING_REAL,
    SETTING_CHOICE,
    SETTING_WIDTHS,  // a list of integers
    SETTING_REALS,   // a list of reals
    SETTING_CHOICES, // a list of different names, in any order: bits
};

struct setting {
    enum setting_group group;
    const char *key;
    const char *column; // its name in the results file
    const char *units, *long_name;
    enum setting_type type;
    const char *standard;       // the default as a file would write it; NULL: none
    double least, most;         // of an integer and of each width; reals are above `least`
    int max_widths;             // length of a list of widths or reals
    bool may_be_empty;          // such a list
    bool power_of_two;          // nothing else will do
    bool range;                 // two widths, the first not above the second
    const char *const *choices; // names in the order of the enum, then NULL
    size_t offset, size;        // of the field in struct run_spec
    unsigned tasks;             // bits of the tasks that use it; 0: all do
    unsigned models, poolings;  // likewise
    bool outside_id;            // a run's id holds what follows from it instead
};

extern const struct setting settings[SETTINGS];

/* What a file calls a choice. */
static inline const char *settings_choice(enum setting_id id, int choice)
{
    return settings[id].choices[choice];
}
extern const char *const setting_groups[GROUPS]; // NULL for the top level

/* "steps" at top level, "training.steps" in a group: for messages. `name` is only a place to write to. */
const char *settings_name(enum setting_id id, char name[64]);

/* The setting that is called so in that group; SETTINGS if there is none. */
enum setting_id settings_find(enum setting_group group, const char *key);

/* How many groups have such a key; if any has, *group is the first. */
int settings_sharing(const char *key, enum setting_group *group);

/* Whether its values are lists. */
bool settings_is_list(enum setting_id id);

/* Whether the run's model and its pooling use the setting. */
bool settings_used(enum setting_id id, const struct run_spec *run);

#endif
