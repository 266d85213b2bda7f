/* Table of the settings of a sweep: key, type, limits, default, field of struct run_spec, and column of the
 * results file.
 *
 * Reading, defaults, validation, run ids, `resolved`, the columns and the help text are derived from the
 * table. To add a setting, add one row. */
#ifndef SWEEP_SETTINGS_H
#define SWEEP_SETTINGS_H

#include "base/text.h"
#include "spec/run_spec.h"

#include <stdbool.h>
#include <stddef.h>

/* The order of the settings in the results file's columns and in `resolved`. */
enum setting_id {
    SETTING_TASK,
    SETTING_MODEL,
    SETTING_UNKNOWNS,
    SETTING_EQUATION_RATIO,
    SETTING_EQUATIONS,
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
    SETTING_TRAINING_NOISE,
    SETTING_TRAINING_INPUTS,
    SETTING_PRECISION,
    SETTING_ENCODER,
    SETTING_DECODER,
    SETTING_NETWORK_HIDDEN,
    SETTING_HEADS,
    SETTING_QUERIES,
    SETTING_REFINEMENTS,
    SETTING_REFINE_FROM,
    SETTING_EVALUATION_EVERY,
    SETTING_EVALUATION_GENERATORS,
    SETTING_EVALUATION_INPUTS,
    SETTING_EVALUATION_SET_SIZES,
    SETTING_EVALUATION_NOISE,
    SETTING_EVALUATION_DIRECT_FIT,
    SETTING_EVALUATION_FIT_STARTS,
    SETTING_EVALUATION_FIT_ITERATIONS,
    SETTING_EVALUATION_REFINE,
    SETTINGS,
};

enum setting_group { GROUP_TOP, GROUP_GENERATOR, GROUP_TRAINING, GROUP_NETWORK, GROUP_EVALUATION, GROUPS };

enum setting_type {
    SETTING_INTEGER,
    SETTING_REAL,
    SETTING_CHOICE,
    SETTING_JOINED,  // one or more names joined by +, stored as joined.h does
    SETTING_WIDTHS,  // a list of integers
    SETTING_REALS,   // a list of reals
    SETTING_AMOUNT,  // a real, or [min, max]
    SETTING_CHOICES, // a set of names, stored as one bit per choice
};

struct setting {
    enum setting_group group;
    const char *key;
    const char *column; // column of the results file
    const char *units, *long_name;
    enum setting_type type;
    const char *default_text;   // the default in YAML; NULL: none, the setting is required
    double min, max;            // limits of an integer, a width or a real; reals must be greater than `min`,
                                // amounts at least
    int max_widths;             // maximum length of a list of widths or reals
    bool may_be_empty;          // a list may have length 0
    bool power_of_two;          // the integer must be a power of two
    bool range;                 // the list is [min, max], two widths in ascending order
    bool distinct;              // no value of the list may occur twice
    const char *const *choices; // names in the order of the enum, then NULL
    unsigned joins;             // bit per choice that may be joined with others
    size_t offset, size;        // field in struct run_spec, bytes
    unsigned tasks;             // bit per task that uses the setting; 0: all tasks
    unsigned models, poolings;  // bit per model and per pooling that uses the setting; 0: all
    enum setting_id with;       // used only with this setting, an int, above 0; SETTING_TASK: always
    bool outside_id;            // not part of a run's id, which has values derived from the setting instead
};

extern const struct setting settings[SETTINGS];

enum { SETTINGS_WORD = 64 };

/* The names of a SETTING_JOINED value, joined by +, in `word`. */
const char *settings_joined(enum setting_id id, int code, char word[SETTINGS_WORD]);

/* The name of a choice in sweep files. */
static inline const char *settings_choice(enum setting_id id, int choice)
{
    return settings[id].choices[choice];
}
extern const char *const setting_groups[GROUPS]; // NULL for the top level

/* Prints the choices of a setting whose bits are set in `which`: "`a`, `b` or `c`". */
void settings_print_choices(enum setting_id id, unsigned which, struct text *text);

/* Full name for messages: "unknowns" at top level, "training.steps" in a group. */
const char *settings_name(enum setting_id id);

/* Returns the setting with `key` in `group`, or SETTINGS. */
enum setting_id settings_find(enum setting_group group, const char *key);

/* Returns the number of groups that have `key`. If there is one, *group is set to the first. */
int settings_sharing(const char *key, enum setting_group *group);

/* True if a value of the setting is a list. */
bool settings_is_list(enum setting_id id);

/* True if the setting `with` of a setting is above 0, or there is none. */
bool settings_enabled(enum setting_id id, const struct run_spec *run);

/* True if the run's task, model and pooling use the setting, and it is enabled. */
bool settings_used(enum setting_id id, const struct run_spec *run);

#endif
