/* Predicted time and timeline of a sweep, by simulating the scheduler. */
#ifndef DRIVER_FORECAST_H
#define DRIVER_FORECAST_H

#include "base/column.h"
#include "driver/throughput.h"
#include "schedule/simulate.h"
#include "sweep/sweep.h"

#include <stdbool.h>
#include <stdio.h>

/* Predicted cost of the sweep on `ranks` ranks. */
struct forecast {
    int ranks;
    double seconds;               // of the whole command, start-up included
    double efficiency;            // seconds of the work on one rank / (seconds of the schedule * ranks)
    double bound_seconds;         // lower bound of any schedule
    struct simulation simulation; // the caller frees it with simulate_free
};

/* Simulates the sweep on `ranks` ranks. steps_done [sweep->runs]: steps from which each run continues; NULL:
 * all start at step 0. `with_timeline`: keep the intervals for the two functions below. */
void forecast_make(const struct sweep *sweep, const int64_t *steps_done,
                   const struct throughputs *throughputs, int ranks, bool with_timeline,
                   struct forecast *forecast);

/* Fills the table with the predicted timeline, in the format of `export --timeline`. The caller frees it. */
void forecast_timeline(const struct forecast *forecast, const struct sweep *sweep,
                       struct column_table *table);

/* Draws the predicted timeline: one line per rank, or per block of ranks (at most 32 lines). A letter stands
 * for a run, a dot for idle time. */
void forecast_draw(const struct forecast *forecast, const struct sweep *sweep, FILE *out);

#endif
