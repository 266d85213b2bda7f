/* Resolves one combination of the grid into a run: derives the remaining fields and checks that the settings
 * fit together. */
#ifndef SWEEP_RESOLVE_H
#define SWEEP_RESOLVE_H

#include "spec/run_spec.h"
#include "sweep/grid.h"

/* Fills all fields of *run but its id. Records an error at the line of the responsible setting if the
 * combination is invalid. Settings that already have an error are not checked again. */
void resolve_run(const struct grid *grid, const struct value *const chosen[SETTINGS], struct run_spec *run);

/* True if the model has a hidden matrix, which the optimizer muon needs. */
bool resolve_muon_fits(const struct tensor_table *table);

#endif
