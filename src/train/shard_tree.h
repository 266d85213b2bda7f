/* The fixed tree in which shards are summed: neighbours first, then pairs of pairs, whatever the ranks.
 *
 * The lower levels run inside a rank, over its consecutive shards, in the order of a binary counter, so that
 * only one vector a level lives; the upper levels run over MPI, ranks at distance 1 first, then 2, 4, ...
 * Every element is summed in the same order on any number of ranks. */
#ifndef TRAIN_SHARD_TREE_H
#define TRAIN_SHARD_TREE_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>

/* The level where local shard `shard` (from 0) belongs when all before it are summed. */
int shard_tree_leaf(int shard);

/* After numbers begin to begin + count - 1 of local shard `shard` were written to its leaf, and those of all
 * shards before it: sums what is paired by now. After the last of 2^k shards the sum of all stands in
 * level[0]. */
void shard_tree_carry(float *const *level, int shard, size_t begin, size_t count);

/* Sums `vector` over the ranks of comm, a power of two, with the same bits on each: recursive halving,
 * neighbours first, then recursive doubling of the finished slices. Collective on comm.  vector [count],
 * exchange [(count + 1) / 2] */
void shard_tree_allreduce(float *vector, size_t count, float *exchange, MPI_Comm comm);

/* Whether every number of a sum is finite.  vector [count] */
bool shard_tree_finite(const float *vector, size_t count);

/* The same tree over a number of each shard. values [shards], a power of two; destroyed. */
double shard_tree_sum(double *values, int shards);

#endif
