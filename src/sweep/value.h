/* The value of one setting: parse, validate, print, compare, and copy to and from struct run_spec. */
#ifndef SWEEP_VALUE_H
#define SWEEP_VALUE_H

#include "base/text.h"
#include "sweep/document.h"
#include "sweep/settings.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum { VALUE_MAX = 8 };
static_assert((int)VALUE_MAX >= (int)WIDTHS_MAX && (int)VALUE_MAX >= (int)REALS_MAX, "lists of settings fit");
static_assert((int)POOLING_KINDS <= (int)JOINED_MAX && (int)JOINED_MAX < (int)VALUE_MAX,
              "all poolings joined, and a repeated one, fit");

struct value {
    struct source_location location; // line 0: the default
    int count;                       // number of elements: 1 unless the setting takes a list
    double element[VALUE_MAX];       // a choice: the enum value; SETTING_CHOICES: in ascending order
};

/* Parses the node. Returns false, with an error recorded, if the value is not valid for the setting. */
bool value_parse(enum setting_id id, const struct node *node, struct diagnostics *diagnostics,
                 struct value *value);

/* Sets *value to the setting's default. Returns false and sets *value to zeros if the setting has no
 * default. */
bool value_default(enum setting_id id, struct value *value);

/* Appends a description of the valid values, such as "an integer from 1 to 65536". */
void value_expected(enum setting_id id, struct text *text);

/* Returns < 0, 0 or > 0, as strcmp, for two values of one setting. */
int value_compare(const struct value *a, const struct value *b);

/* value_print appends the form of the results file and the run ids: lists without brackets. value_print_yaml
 * appends YAML: lists with brackets. */
void value_print(enum setting_id id, const struct value *value, struct text *text);
void value_print_yaml(enum setting_id id, const struct value *value, struct text *text);

/* Copy the value to, and from, the setting's field in *run. */
void value_store(enum setting_id id, const struct value *value, struct run_spec *run);
void value_load(enum setting_id id, const struct run_spec *run, struct value *value);

#endif
