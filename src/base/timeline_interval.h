/* One row of a timeline, as the results file holds it and as the simulation predicts it. */
#ifndef BASE_TIMELINE_INTERVAL_H
#define BASE_TIMELINE_INTERVAL_H

#include <stdint.h>

/* Ranks with consecutive numbers and the run that they work on. A group whose ranks are not consecutive is
 * several rows; a group that is extended begins new rows. Seconds count from the first start of work on the
 * file and leave out interruptions. */
struct timeline_interval {
    int64_t run;
    int64_t first_rank, ranks;
    int64_t from_step, to_step;
    double start_seconds, end_seconds;
};

#endif
