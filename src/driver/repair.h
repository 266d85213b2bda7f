/* Finished runs whose row, curves or model no longer match their checksums are done again, from their newest
 * whole checkpoint. */
#ifndef DRIVER_REPAIR_H
#define DRIVER_REPAIR_H

#include "store/store.h"
#include "sweep/sweep.h"

#include <mpi.h>
#include <stdio.h>

/* Puts the damaged runs back to pending, in the file and in run_state [runs], and names them. `damaged`
 * [runs] is rank 0's. Collective. */
enum status repair_runs(const struct sweep *sweep, struct store *store, const bool *damaged,
                        uint8_t *run_state, MPI_Comm comm, FILE *err);

#endif
