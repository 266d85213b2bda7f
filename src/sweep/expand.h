/* Expands the grid into the list of runs, and checks the list as a whole. */
#ifndef SWEEP_EXPAND_H
#define SWEEP_EXPAND_H

#include "spec/run_spec.h"
#include "sweep/grid.h"

/* Sets *run [*runs] to the resolved runs of all combinations that are not excluded, with their ids. Records
 * an error for unused settings, for exclusions that match nothing and for equal runs. The caller frees *run.
 */
void expand_grid(struct grid *grid, struct run_spec **run, int64_t *runs);

#endif
