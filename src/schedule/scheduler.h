/* The books of a sweep at work: which runs wait, which ranks are free, which group works on what and how
 * long it will. Asks the policy what to do next and says who is to do it. No MPI and no clock of its own,
 * so that the master and the simulation of a sweep use the same. Times are seconds on the caller's clock. */
#ifndef SCHEDULE_SCHEDULER_H
#define SCHEDULE_SCHEDULER_H

#include "schedule/policy.h"

#include <stdbool.h>
#include <stdint.h>

struct scheduler;

/* run [runs]: what is left of each; step_seconds may be a guess as long as all are wrong by the same
 * factor. todo [count]: those to do. group: ranks for each, or 0 to choose. Everything stays the caller's. */
void scheduler_create(const struct policy_run *run, int64_t runs, const int64_t *todo, int64_t count,
                      const struct policy_network *network, int ranks, int group,
                      struct scheduler **scheduler);
void scheduler_destroy(struct scheduler **scheduler);

/* `size` ranks are to work on the run. The first `already` of them do, the leader first; already = 0: it
 * starts. */
struct scheduler_order {
    int64_t run;
    int size, already;
    const int *ranks; // [size]; until the run is finished or grows again
};

/* What is to be done now; the ranks are taken from then on. Returns how many orders; they are valid until
 * the next call. */
int scheduler_decide(struct scheduler *scheduler, double now, const struct scheduler_order **orders);

/* The group that was to grow has done so, or (larger = false) could not, and will not be asked again. */
void scheduler_extended(struct scheduler *scheduler, int64_t run, bool larger, double now);

/* The run's group is alone with so many steps; it takes so long for each (0: not known). */
void scheduler_progress(struct scheduler *scheduler, int64_t run, double now, double steps_left,
                        double step_seconds);

/* The run is over: its ranks are free. */
void scheduler_finished(struct scheduler *scheduler, int64_t run);

/* The ranks that work on the run. */
int scheduler_group(const struct scheduler *scheduler, int64_t run, const int **ranks);

/* When the run will be over, as far as is known. */
double scheduler_end(const struct scheduler *scheduler, int64_t run);

int64_t scheduler_waiting(const struct scheduler *scheduler);
int64_t scheduler_running(const struct scheduler *scheduler);
int scheduler_free_ranks(const struct scheduler *scheduler);

#endif
