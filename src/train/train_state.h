/* The state of a run, as a checkpoint holds it. */
#ifndef TRAIN_TRAIN_STATE_H
#define TRAIN_TRAIN_STATE_H

#include "base/status.h"

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

struct train_state {
    struct train_scalars {
        int64_t step;         // steps done
        int64_t points;       // curve points done
        double loss;          // mean over the last step's batch
        double loss_ema;      // exponential moving average of the loss
        double r2, r2_stderr; // of the last evaluation
        double wall_seconds;  // since the run's first step, without interruptions
        double rank_seconds;  // wall_seconds summed over the ranks of the group
    } scalars;
    size_t parameters_count;
    float *parameters, *first, *second; // [parameters_count]; first, second: moments of the optimizer
};

/* Allocates `count` parameters and their moments, all 0, in one block: an update reads the whole block, and
 * large blocks lie in huge pages. The caller frees it with train_state_free. STATUS_MEMORY. */
enum status train_state_alloc(size_t count, struct train_state *state);

void train_state_free(struct train_state *state);

/* Copies the state of rank 0 to all ranks, whose parameters_count is the same. Collective on group. */
void train_state_broadcast(struct train_state *state, MPI_Comm group);

/* Distance in floats between consecutive vectors of `count` floats that each start at a cache line. */
size_t train_state_stride(size_t count);

#endif
