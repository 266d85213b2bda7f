/* Who gets how many ranks: pure functions of what is free and what is left. No MPI, no clock.
 *
 * While runs wait, each gets one rank, the longest first: that wastes nothing. When fewer runs are left
 * than ranks, the run that would take longest gets as many ranks again, as long as that makes it faster. */
#ifndef SCHEDULE_POLICY_H
#define SCHEDULE_POLICY_H

/* What is left of a run. */
struct policy_run {
    double steps;
    double step_seconds; // of one rank alone, evaluations shared out over the steps
    double bytes;        // of the gradient that a group sums at each step
    int max_ranks;       // shards: a power of two
};

/* What a group pays for being one. */
struct policy_network {
    double latency_seconds; // of a message
    double bytes_per_second;
};

/* Shared memory of one machine, and a cluster's fast network. */
extern const struct policy_network policy_network;

/* Between two reports of a leader, from which group speeds are measured; longer with more than 64 ranks. */
extern const double policy_report_seconds;

/* Of a step that so many ranks, a power of two, share: the computing divided, and the tree's messages. */
double policy_step_seconds(const struct policy_run *run, const struct policy_network *network, int ranks);

/* Shares `spare` ranks out among groups that work already: each of size[i] ranks, 0 for one that
 * cannot grow now. In size[i] each gets what it should have from now on: the same, or a larger power of two.
 * run, size [runs] */
void policy_share(const struct policy_run *run, int runs, const struct policy_network *network, int spare,
                  int *size);

/* Sizes of the groups to start now for the first runs of the queue, longest first. Returns how many start.
 * `group`: the size asked for, or 0 to choose. queue, size [queued] */
int policy_start(const struct policy_run *queue, int queued, const struct policy_network *network,
                 int free_ranks, int group, int *size);

#endif
