/* The run of the best setting. Runs that are measured on the same problem (task, generator, equations,
 * training inputs and noise) make a case; runs of a case that differ only in their seed make a setting. The
 * best setting of a case is the one of the smallest mean of log(max(1 - R^2, 2^-52)) over its seeds, among
 * the settings with a finished run for each seed of the case. The Python package has the same rule
 * (analysis/weightsweep/cases.py). */
#ifndef DRIVER_BEST_RUN_H
#define DRIVER_BEST_RUN_H

#include "driver/selection.h"
#include "store/store.h"

/* Sets *run to the run of the smallest seed of the best setting among the runs that are `chosen`
 * [view->runs]. STATUS_USAGE if they belong to several cases, or if no setting has all its seeds. `selection`
 * has the option and the argument for messages. */
enum status best_run_find(const struct store_view *view, const struct selection *selection,
                          const bool *chosen, int64_t *run);

#endif
