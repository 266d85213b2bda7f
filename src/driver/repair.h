/* Repeats finished runs whose row, curves or model no longer match their checksums, from the newest valid
 * checkpoint. */
#ifndef DRIVER_REPAIR_H
#define DRIVER_REPAIR_H

#include "store/store.h"
#include "sweep/sweep.h"

#include <mpi.h>
#include <stdio.h>

/* Resets the damaged runs to pending, in the file and in run_state [runs], and prints their ids to `err`.
 * damaged [runs] is read on rank 0 only. Collective. */
enum status repair_runs(const struct sweep *sweep, struct store *store, const bool *damaged,
                        uint8_t *run_state, MPI_Comm comm, FILE *err);

#endif
