#include "train/shard_tree.h"

#include "kernel/sums.h"

#include <stdbool.h>

// One level is in use per bit set in the number of shards so far.
int shard_tree_leaf(int shard)
{
    return __builtin_popcount((unsigned)shard);
}

// Works on blocks whose carry stays in the first-level cache, so only the last sum is written to memory.
void shard_tree_carry(float *const *level, int shard, size_t begin, size_t count)
{
    enum { BLOCK = 2048 };
    float carry[BLOCK];
    int leaf = shard_tree_leaf(shard), left = shard_tree_leaf(shard + 1) - 1;
    for (size_t at = begin; at < begin + count && left < leaf; at += BLOCK) {
        size_t elements = begin + count - at < BLOCK ? begin + count - at : BLOCK;
        const float *sum = level[leaf] + at;
        for (int i = leaf - 1; i > left; i--, sum = carry)
            sums_add(carry, level[i] + at, sum, elements);
        sums_add(level[left] + at, level[left] + at, sum, elements);
    }
}

struct slice {
    size_t begin, end;
};

// The half of a slice that a rank keeps at one level: the lower of two partners keeps the lower half.
static struct slice half(struct slice whole, bool upper)
{
    size_t middle = whole.begin + (whole.end - whole.begin) / 2;
    return upper ? (struct slice){middle, whole.end} : (struct slice){whole.begin, middle};
}

static struct slice kept_after(size_t count, int rank, int levels)
{
    struct slice slice = {0, count};
    for (int level = 0; level < levels; level++)
        slice = half(slice, rank >> level & 1);
    return slice;
}

void shard_tree_allreduce(float *vector, size_t count, float *exchange, MPI_Comm comm)
{
    int rank, ranks, levels = 0;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    while (1 << levels < ranks)
        levels++;
    for (int level = 0; level < levels; level++) {
        int partner = rank ^ 1 << level;
        struct slice whole = kept_after(count, rank, level);
        struct slice mine = half(whole, rank >> level & 1), theirs = half(whole, !(rank >> level & 1));
        MPI_Sendrecv(vector + theirs.begin, (int)(theirs.end - theirs.begin), MPI_FLOAT, partner, level,
                     exchange, (int)(mine.end - mine.begin), MPI_FLOAT, partner, level, comm,
                     MPI_STATUS_IGNORE);
        sums_add(vector + mine.begin, vector + mine.begin, exchange, mine.end - mine.begin);
    }
    for (int level = levels - 1; level >= 0; level--) {
        int partner = rank ^ 1 << level;
        struct slice whole = kept_after(count, rank, level);
        struct slice mine = half(whole, rank >> level & 1), theirs = half(whole, !(rank >> level & 1));
        MPI_Sendrecv(vector + mine.begin, (int)(mine.end - mine.begin), MPI_FLOAT, partner, level,
                     vector + theirs.begin, (int)(theirs.end - theirs.begin), MPI_FLOAT, partner, level, comm,
                     MPI_STATUS_IGNORE);
    }
}

double shard_tree_sum(double *values, int shards)
{
    for (int distance = 1; distance < shards; distance *= 2)
        for (int i = 0; i + distance < shards; i += 2 * distance)
            values[i] += values[i + distance];
    return values[0];
}
