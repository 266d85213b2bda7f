/* How long a sweep will take on so many ranks, by simulation, and who will do what when. */
#ifndef DRIVER_FORECAST_H
#define DRIVER_FORECAST_H

#include "base/column.h"
#include "driver/throughput.h"
#include "schedule/simulate.h"
#include "sweep/sweep.h"

#include <stdbool.h>
#include <stdio.h>

/* Of one number of ranks. */
struct forecast {
    int ranks;
    double seconds;    // of the whole command, its start included
    double efficiency; // work of one rank alone / (seconds of the schedule * ranks)
    double bound_seconds;
    struct simulation simulation; // the caller frees it with simulate_free
};

/* with_timeline: for the two functions below. */
void forecast_make(const struct sweep *sweep, const struct throughputs *throughputs, int ranks,
                   bool with_timeline, struct forecast *forecast);

/* The timeline as `export --timeline` will print it. The caller frees the table. */
void forecast_timeline(const struct forecast *forecast, const struct sweep *sweep,
                       struct column_table *table);

/* A line for each rank, or for each of at most 32 blocks of ranks: a letter for the run, a dot for nothing to
 * do. */
void forecast_draw(const struct forecast *forecast, const struct sweep *sweep, FILE *out);

#endif
