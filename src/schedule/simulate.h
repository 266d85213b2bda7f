/* Prediction of a whole sweep on a number of ranks: the scheduler and the policy of the real master, with
 * computed time. */
#ifndef SCHEDULE_SIMULATE_H
#define SCHEDULE_SIMULATE_H

#include "base/timeline_interval.h"
#include "schedule/policy.h"

#include <stdbool.h>
#include <stdint.h>

struct simulation {
    double seconds;       // until the last run ends
    double work_seconds;  // time of all runs on one rank
    double bound_seconds; // lower bound of any schedule: max of work_seconds / ranks and of the longest run
                          // at its fastest group size
    int64_t intervals;
    struct timeline_interval *interval; // [intervals], in the order of their ends; NULL unless with_intervals
};

/* Predicts the runs on `ranks` ranks. run [runs]; group: ranks per run, or 0 to choose. The caller calls
 * simulate_free. */
void simulate(const struct policy_run *run, int64_t runs, const struct policy_network *network, int ranks,
              int group, bool with_intervals, struct simulation *simulation);
void simulate_free(struct simulation *simulation);

#endif
