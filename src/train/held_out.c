#include "train/held_out.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>

// Index of the first generator of `rank`; the number of generators for rank = ranks.
static int first_of(const struct held_out *held_out, int rank, int ranks)
{
    int64_t chunks = ((int64_t)held_out->generators + held_out->chunk - 1) / held_out->chunk;
    int64_t first = chunks * rank / ranks * held_out->chunk;
    return first < held_out->generators ? (int)first : held_out->generators;
}

static void gather(const struct held_out *held_out, int ranks, int width, double *values)
{
    int *counts = memory_small((size_t)ranks * sizeof *counts);
    int *starts = memory_small((size_t)ranks * sizeof *starts);
    for (int rank = 0; rank < ranks; rank++) {
        starts[rank] = width * first_of(held_out, rank, ranks);
        counts[rank] = width * first_of(held_out, rank + 1, ranks) - starts[rank];
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values, counts, starts, MPI_DOUBLE, held_out->group);
    free(counts);
    free(starts);
}

bool held_out_pass(const struct held_out *held_out, held_out_score *score, void *context, int width,
                   double *values)
{
    int rank, ranks, stopped = false;
    MPI_Comm_rank(held_out->group, &rank);
    MPI_Comm_size(held_out->group, &ranks);
    int end = first_of(held_out, rank + 1, ranks);
    for (int first = first_of(held_out, rank, ranks); first < end; first += held_out->chunk) {
        stopped = held_out->stop(held_out->context);
        if (stopped)
            break;
        int count = end - first < held_out->chunk ? end - first : held_out->chunk;
        score(context, first, count, values + (size_t)first * (size_t)width);
    }
    // A stop within the last chunk leaves the chunk incomplete.
    stopped = stopped || held_out->stop(held_out->context);
    MPI_Allreduce(MPI_IN_PLACE, &stopped, 1, MPI_INT, MPI_MAX, held_out->group);
    if (!stopped)
        gather(held_out, ranks, width, values);
    return !stopped;
}
