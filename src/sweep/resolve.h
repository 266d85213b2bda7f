/* One run from the values that the grid chose: what follows from what, and whether it fits together. */
#ifndef SWEEP_RESOLVE_H
#define SWEEP_RESOLVE_H

#include "spec/run_spec.h"
#include "sweep/grid.h"

/* Fills all of the run but its id. A combination that makes no sense is a mistake, at the line of the setting
 * to blame; what was flawed when it was read is not blamed again. */
void resolve_run(const struct grid *grid, const struct value *const chosen[SETTINGS],
                 struct diagnostics *diagnostics, struct run_spec *run);

/* round-half-up(ratio * unknowns) in decimal: of the ratio as written, not of the nearest binary number. */
int64_t resolve_equations(double ratio, int unknowns);

/* Whether the model has a hidden matrix for muon to move. */
bool resolve_muon_fits(const struct tensor_table *table);

#endif
