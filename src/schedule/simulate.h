/* A sweep as it would go on so many ranks: the same books and policy as the real master, with time that is
 * computed instead of passed. */
#ifndef SCHEDULE_SIMULATE_H
#define SCHEDULE_SIMULATE_H

#include "base/timeline_interval.h"
#include "schedule/policy.h"

#include <stdbool.h>
#include <stdint.h>

struct simulation {
    double seconds;       // until the last run is over
    double work_seconds;  // of one rank that does all, alone
    double bound_seconds; // what no schedule is faster than: the work shared evenly, or the longest run at
                          // its fastest
    int64_t intervals;
    struct timeline_interval *interval; // [intervals], in the order they ended; only if asked for
};

/* run [runs]; group: ranks for each run, or 0 to choose. The caller calls simulation_free. */
void simulate(const struct policy_run *run, int64_t runs, const struct policy_network *network, int ranks,
              int group, bool with_intervals, struct simulation *simulation);
void simulation_free(struct simulation *simulation);

#endif
