/* Group sizes: pure functions of the free ranks and the remaining steps of the runs. No MPI, no clock.
 *
 * While at least as many runs wait as ranks are free, each run gets one rank, the longest run first: no rank
 * then spends time on messages. Otherwise the group of the run that would end last is doubled, repeatedly, as
 * long as doubling makes the run faster. */
#ifndef SCHEDULE_POLICY_H
#define SCHEDULE_POLICY_H

/* The remaining work of a run. */
struct policy_run {
    double steps;
    double step_seconds; // seconds per step on one rank, its share of the evaluations included
    double bytes;        // size of the gradient that a group sums at each step
    int max_ranks;       // a power of two: the number of shards
};

/* Communication cost between the ranks of a group. */
struct policy_network {
    double latency_seconds; // per message
    double bytes_per_second;
};

/* Default: shared memory of one machine, or the fast network of a cluster. */
extern const struct policy_network policy_network;

/* Min interval between two TAG_PROGRESS reports of a leader, on at most 64 ranks. */
extern const double policy_report_seconds;

/* Predicted seconds per step on `ranks` ranks, a power of two: the computation divided by `ranks`, plus the
 * messages of the shard tree. */
double policy_step_seconds(const struct policy_run *run, const struct policy_network *network, int ranks);

/* Distributes `spare` free ranks among running groups. size[i]: on entry the ranks of group i, or 0 if the
 * group cannot be extended now; on return the ranks that the group should have, the same or a larger power of
 * two. run, size [runs] */
void policy_share(const struct policy_run *run, int runs, const struct policy_network *network, int spare,
                  int *size);

/* Computes the sizes of the groups for the first runs of the queue, which is sorted longest first. Returns
 * the number of runs to start now. `group`: the requested group size, or 0 to choose. queue, size [queued] */
int policy_start(const struct policy_run *queue, int queued, const struct policy_network *network,
                 int free_ranks, int group, int *size);

#endif
