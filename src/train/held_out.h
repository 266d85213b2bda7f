/* The held-out generators, gone through by the ranks of a group together.
 *
 * In chunks of a fixed size, whatever the ranks, so that each generator's numbers are the same bits wherever
 * they are computed. A rank takes consecutive chunks. */
#ifndef TRAIN_HELD_OUT_H
#define TRAIN_HELD_OUT_H

#include <mpi.h>
#include <stdbool.h>

struct held_out {
    MPI_Comm group;
    int generators;
    int chunk;                    // generators at once
    void *context;                // of leave
    bool (*leave)(void *context); // asked before every chunk: true drops the pass
};

/* Computes the generators first .. first + count - 1.  numbers [count, width] */
typedef void held_out_score(void *context, int first, int count, double *numbers);

/* numbers [generators, width], the same on every rank. False, with the numbers undefined, if any rank left.
 * Collective on the group. */
bool held_out_pass(const struct held_out *held_out, held_out_score *score, void *context, int width,
                   double *numbers);

#endif
