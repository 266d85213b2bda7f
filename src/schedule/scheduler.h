/* The scheduler state of a sweep: waiting runs, free ranks, the group of each run and its expected end. Turns
 * the policy's group sizes into orders for specific ranks. Uses neither MPI nor a clock, so the master and
 * the simulation share it. Times are seconds on the caller's clock. */
#ifndef SCHEDULE_SCHEDULER_H
#define SCHEDULE_SCHEDULER_H

#include "schedule/policy.h"

#include <stdbool.h>
#include <stdint.h>

struct scheduler;

/* run [runs]: remaining work; step_seconds may be estimates if all are wrong by about the same factor.
 * todo [count]: indices of the runs to do. group: ranks per run, or 0 to choose. The network must outlive the
 * scheduler; the arrays are copied. */
void scheduler_create(const struct policy_run *run, int64_t runs, const int64_t *todo, int64_t count,
                      const struct policy_network *network, int ranks, int group,
                      struct scheduler **scheduler);
void scheduler_destroy(struct scheduler **scheduler);

/* An order to start a run (already = 0) or to extend its group from `already` to `size` ranks. */
struct scheduler_order {
    int64_t run;
    int size, already;
    const int *ranks; // [size], the leader first; valid until the run is finished or extended again
};

/* Returns the number of orders to carry out now and marks their ranks as taken. *orders is valid until the
 * next call. */
int scheduler_decide(struct scheduler *scheduler, double now, const struct scheduler_order **orders);

/* Records the result of an order to extend a group. extended = false: a joining rank had no memory; the
 * joining ranks are free again, and the group is never extended again. */
void scheduler_extended(struct scheduler *scheduler, int64_t run, bool extended, double now);

/* Records that `steps_left` steps remain at `now`. measured: seconds per step of the whole group, or 0 if not
 * measured. */
void scheduler_progress(struct scheduler *scheduler, int64_t run, double now, double steps_left,
                        double measured);

/* Records the end of the run: its ranks are free. */
void scheduler_finished(struct scheduler *scheduler, int64_t run);

/* Returns the size of the run's group. ranks: its members, the leader first; owned by the scheduler. */
int scheduler_group(const struct scheduler *scheduler, int64_t run, const int **ranks);

/* Expected end of a running run. */
double scheduler_end(const struct scheduler *scheduler, int64_t run);

int64_t scheduler_waiting(const struct scheduler *scheduler);
int64_t scheduler_running(const struct scheduler *scheduler);
int scheduler_free_ranks(const struct scheduler *scheduler);

#endif
