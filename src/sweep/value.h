/* The value of one setting: read, checked, printed, compared, and moved in and out of a run. */
#ifndef SWEEP_VALUE_H
#define SWEEP_VALUE_H

#include "base/text.h"
#include "sweep/document.h"
#include "sweep/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct value {
    struct place place; // line 0: nobody wrote it, it is the default
    union {
        int64_t integer; // also a choice: its enum value; and choices: a bit for each
        double real;
        struct widths widths;
        struct reals reals;
    };
};

/* False, with a mistake recorded, if the setting cannot be that. */
bool value_parse(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                 struct value *value);

/* False, and a value of zeros, if the setting has no default. */
bool value_default(enum setting_id id, struct value *value);

/* What the setting may be, in words: "an integer from 1 to 65536". */
void value_expected(enum setting_id id, struct text *text);

/* < 0, 0 or > 0. */
int value_compare(enum setting_id id, const struct value *a, const struct value *b);

/* As the results file and the ids show it, lists without brackets; and as YAML, with them. */
void value_print(enum setting_id id, const struct value *value, struct text *text);
void value_print_yaml(enum setting_id id, const struct value *value, struct text *text);

void value_store(enum setting_id id, const struct value *value, struct run_spec *run);
void value_load(enum setting_id id, const struct run_spec *run, struct value *value);

#endif
