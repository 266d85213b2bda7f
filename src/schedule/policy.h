/* Who gets what: a pure function of what is free and what is left. No MPI. */
#ifndef SCHEDULE_POLICY_H
#define SCHEDULE_POLICY_H

struct policy_run {
    double cost;   // FLOPs left
    int max_ranks; // shards: a power of two
};

/* Sizes of the groups to start now, for the first runs of the queue (longest first): size[i] ranks, a power of two, for queue[i]. Returns how
 * many start. `group`: the size asked for, or 0 to choose: one rank a run while runs are plenty; with fewer runs than
 * ranks, the ranks are shared out by cost.  queue [queued], size [queued] */
int policy_start(const struct policy_run *queue, int queued, int free_ranks, int group, int *size);

#endif
