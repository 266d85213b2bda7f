/* RUN, as a command line names runs: a run's id, the beginning of one, or conditions KEY=VALUE joined by
 * commas, all of which hold. KEY is a setting (`steps`, `training.steps`) or its column (`generator_inputs`),
 * VALUE as in a sweep file; a list is [128,256]. */
#ifndef DRIVER_SELECTION_H
#define DRIVER_SELECTION_H

#include "base/column.h"
#include "base/status.h"

struct selection {
    const struct column_table *runs; // the columns run_id and settings
    const char *option, *argument;   // "--only" and the RUN behind it
    const char *lister;              // the command that lists the runs, for messages
};

/* Sets chosen[row] for the rows that are selected, and leaves the others. Here the argument may also be
 * several ids joined by commas. STATUS_USAGE with a sentence where a part of it selects nothing.  chosen
 * [runs->rows] */
enum status selection_add(const struct selection *selection, bool *chosen);

/* The only row that is selected. STATUS_USAGE with a sentence if there is none, or several. */
enum status selection_find(const struct selection *selection, int64_t *run);

#endif
