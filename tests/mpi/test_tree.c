// The tree over ranks: on any power of two of them, the recursive pairwise sum, bit for bit, on every rank.
#include "train/shard_tree.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static float value_of(int rank, size_t element)
{
    return 1.0f / (float)(3 * (size_t)rank + 7 * element + 1);
}

static float pairwise(int first, int ranks, size_t element)
{
    if (ranks == 1)
        return value_of(first, element);
    return pairwise(first, ranks / 2, element) + pairwise(first + ranks / 2, ranks / 2, element);
}

// How many of `count` numbers are wrong on this rank; the numbers behind both arrays' ends count too.
static int wrong(size_t count, int rank, int ranks)
{
    static const float guard = -1;
    size_t room = (count + 1) / 2;
    float *vector = malloc((count + 1) * sizeof *vector), *exchange = malloc((room + 1) * sizeof *exchange);
    for (size_t i = 0; i < count; i++)
        vector[i] = value_of(rank, i);
    vector[count] = exchange[room] = guard;
    shard_tree_allreduce(vector, count, exchange, MPI_COMM_WORLD);
    int errors = (vector[count] != guard) + (exchange[room] != guard);
    for (size_t i = 0; i < count; i++)
        errors += vector[i] != pairwise(0, ranks, i);
    free(vector);
    free(exchange);
    return errors;
}

int main(int argc, char **argv)
{
    static const size_t counts[] = {0, 1, 2, 3, 7, 16, 1001};
    int rank, ranks, failed = 0;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        int errors = wrong(counts[i], rank, ranks);
        if (errors)
            fprintf(stderr, "rank %d of %d: %d errors in a sum of %zu numbers\n", rank, ranks, errors,
                    counts[i]);
        failed |= errors != 0;
    }
    MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    MPI_Finalize();
    return failed;
}
