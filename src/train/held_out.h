/* A pass over the held-out generators, shared by the ranks of a group.
 *
 * The generators are divided into chunks of a fixed size, so the values of each generator have the same bits
 * on any number of ranks. Each rank computes consecutive chunks. */
#ifndef TRAIN_HELD_OUT_H
#define TRAIN_HELD_OUT_H

#include <mpi.h>
#include <stdbool.h>

struct held_out {
    MPI_Comm group;
    int generators;
    int chunk;                   // generators per chunk
    void *context;               // argument of stop
    bool (*stop)(void *context); // called before every chunk; true interrupts the pass
};

/* Scores generators first to first + count - 1.  values [count, width] */
typedef void held_out_score(void *context, int first, int count, double *values);

/* Scores all generators; `values` are the same on every rank. Returns false, with `values` undefined, if
 * `stop` returned true on any rank. Collective on the group.  values [generators, width] */
bool held_out_pass(const struct held_out *held_out, held_out_score *score, void *context, int width,
                   double *values);

#endif
