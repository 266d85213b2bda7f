/* The fixed binary tree that sums the shards: neighbours first, then pairs of pairs.
 *
 * Each rank sums its consecutive shards in the order of a binary counter, with one vector per level. MPI sums
 * the upper levels, between ranks at distance 1, then 2, 4, ... Every element is summed in the same order on
 * any number of ranks. */
#ifndef TRAIN_SHARD_TREE_H
#define TRAIN_SHARD_TREE_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>

/* The level that receives the gradient of local shard `shard`, counted from 0, once all shards before it are
 * summed. */
int shard_tree_leaf(int shard);

/* Sums elements begin to begin + count - 1 of every two nodes of the tree that local shard `shard` completes.
 * These elements must be written in the shard's leaf, and summed for all shards before it. After the last of
 * 2^k shards level[0] holds the sum of all. */
void shard_tree_carry(float *const *level, int shard, size_t begin, size_t count);

/* Sums `vector` over the ranks of comm, whose number is a power of two, with the same bits on each rank: a
 * reduce-scatter by recursive halving, neighbours first, then an all-gather by recursive doubling. Collective
 * on comm.  vector [count], exchange [(count + 1) / 2] */
void shard_tree_allreduce(float *vector, size_t count, float *exchange, MPI_Comm comm);

/* Sums one value per shard in the order of the tree; overwrites `values`.  values [shards], a power of two */
double shard_tree_sum(double *values, int shards);

#endif
