/* Selection of runs on a command line. RUN is a run's id, the beginning of an id, or conditions KEY=VALUE
 * joined by commas, of which all must hold. KEY is a setting (`steps`, `training.steps`) or its column
 * (`generator_inputs`), VALUE as in a sweep file; a list is written [128,256]. */
#ifndef DRIVER_SELECTION_H
#define DRIVER_SELECTION_H

#include "base/column.h"
#include "base/status.h"
#include "base/text.h"

struct selection {
    const struct column_table *runs; // run_id and the settings
    const char *option, *argument;   // for example "--only" and its RUN
    const char *lister;              // the command that lists the runs, for messages
};

/* Sets chosen[row] to true for each selected row and leaves the other rows unchanged. The argument may also
 * be several ids joined by commas. STATUS_USAGE if a part of it selects no run. chosen: [runs->rows] */
enum status selection_add(const struct selection *selection, bool *chosen);

/* Sets *run to the selected row. STATUS_USAGE unless exactly one row is selected. */
enum status selection_find(const struct selection *selection, int64_t *run);

/* Appends the value of a column in the form that a condition takes. */
void selection_print_value(const struct column *column, int64_t run, struct text *text);

#endif
