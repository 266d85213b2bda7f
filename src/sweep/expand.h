/* From the grid to the list of runs, and the mistakes that only the whole list shows. */
#ifndef SWEEP_EXPAND_H
#define SWEEP_EXPAND_H

#include "spec/run_spec.h"
#include "sweep/grid.h"

/* *run [*runs] gets every combination that is not excluded, resolved and with its id; the caller frees it. */
void expand_grid(struct grid *grid, struct diagnostics *diagnostics, struct run_spec **run, int64_t *runs);

#endif
