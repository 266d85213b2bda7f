/* One row of a timeline, measured in a results file or predicted by the simulation. */
#ifndef BASE_TIMELINE_INTERVAL_H
#define BASE_TIMELINE_INTERVAL_H

#include <stdint.h>

/* Consecutive ranks that train a run. A group whose ranks are not consecutive has several rows; an extended
 * group begins new rows. Times are seconds since the first `run` of the file, without interruptions. */
struct timeline_interval {
    int64_t run;
    int64_t first_rank, ranks;
    int64_t from_step, to_step;
    double start_seconds, end_seconds;
};

/* Number of consecutive ranks from ranks[first] on.  ranks [size], ascending */
static inline int timeline_consecutive(const int *ranks, int size, int first)
{
    int count = 1;
    while (first + count < size && ranks[first + count] == ranks[first] + count)
        count++;
    return count;
}

#endif
