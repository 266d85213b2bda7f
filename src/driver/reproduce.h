/* Trains a finished run of a results file again and compares the stored values with the computed ones. */
#ifndef DRIVER_REPRODUCE_H
#define DRIVER_REPRODUCE_H

#include "store/store.h"
#include "sweep/sweep.h"

#include <mpi.h>
#include <stdio.h>

/* Result of a comparison. */
struct reproduced {
    int64_t steps;    // trained
    int64_t compared; // values of row, curve and tensors
};

/* Trains `run` of the view until its first curve point at or after `steps`. If `steps` is 0 or more than the
 * run's steps, trains to the end. Compares each point of the curve bit by bit, and at the end the row and the
 * tensors. Prints a line per point to `progress`. Compares no tensors in an archive without models.
 * STATUS_RUNS if a value differs; STATUS_RESULTS if the run is not done or has other numerics than this
 * process. Collective on comm, whose ranks share the run; the results of rank 0 count. */
enum status reproduce_run(const struct store_view *view, const struct sweep *sweep, int64_t run,
                          int64_t steps, MPI_Comm comm, FILE *progress, struct reproduced *reproduced);

#endif
