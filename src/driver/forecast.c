#include "driver/forecast.h"

#include "base/memory.h"
#include "driver/timeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Time to start MPI, and to create the results file (10,000 runs: 4 s). Measured on one machine.
static const double start_seconds = 0.5, start_seconds_per_run = 0.0004;

enum { ROWS = 32, WIDTH = 72 };
static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

void forecast_make(const struct sweep *sweep, const int64_t *steps_done,
                   const struct throughputs *throughputs, int ranks, bool with_timeline,
                   struct forecast *forecast)
{
    struct policy_run *run = memory_small((size_t)sweep->runs * sizeof *run);
    for (int64_t i = 0; i < sweep->runs; i++)
        run[i] = throughput_estimate(throughputs, &sweep->run[i], steps_done ? steps_done[i] : 0);
    struct simulation simulation;
    simulate(run, sweep->runs, &throughputs->network, ranks, 0, with_timeline, &simulation);
    *forecast = (struct forecast){
        .ranks = ranks,
        .seconds = simulation.seconds + start_seconds + start_seconds_per_run * (double)sweep->runs,
        .efficiency = simulation.seconds > 0 ? simulation.work_seconds / (simulation.seconds * ranks) : 1,
        .bound_seconds = simulation.bound_seconds,
        .simulation = simulation};
    free(run);
}

static int by_start(const void *a, const void *b)
{
    const struct timeline_interval *x = a, *y = b;
    if (x->start_seconds != y->start_seconds)
        return x->start_seconds < y->start_seconds ? -1 : 1;
    return x->first_rank - y->first_rank;
}

void forecast_timeline(const struct forecast *forecast, const struct sweep *sweep, struct column_table *table)
{
    const struct simulation *simulation = &forecast->simulation;
    *table = (struct column_table){.rows = simulation->intervals};
    qsort(simulation->interval, (size_t)simulation->intervals, sizeof *simulation->interval, by_start);
    timeline_columns(table);
    for (int64_t row = 0; row < table->rows; row++) {
        const struct timeline_interval *interval = &simulation->interval[row];
        timeline_row(table, row, sweep->run[interval->run].id, interval);
    }
}

void forecast_draw(const struct forecast *forecast, const struct sweep *sweep, FILE *out)
{
    const struct simulation *simulation = &forecast->simulation;
    int rows = forecast->ranks < ROWS ? forecast->ranks : ROWS;
    char picture[ROWS][WIDTH + 1];
    for (int row = 0; row < rows; row++) {
        memset(picture[row], '.', WIDTH);
        picture[row][WIDTH] = '\0';
    }
    for (int64_t i = 0; i < simulation->intervals; i++) {
        const struct timeline_interval *interval = &simulation->interval[i];
        int begin = (int)(WIDTH * interval->start_seconds / simulation->seconds + 0.5);
        int end = (int)(WIDTH * interval->end_seconds / simulation->seconds + 0.5);
        for (int row = 0; row < rows; row++) {
            int shown = (int)((int64_t)row * forecast->ranks / rows); // the first rank of the block
            if (shown >= interval->first_rank && shown < interval->first_rank + interval->ranks)
                memset(picture[row] + begin, letters[interval->run % (int64_t)(sizeof letters - 1)],
                       (size_t)(end - begin));
        }
    }
    fprintf(out, "%6s  0 s%*.4g s\n", "rank", WIDTH - 5, simulation->seconds);
    for (int row = 0; row < rows; row++)
        fprintf(out, "%6lld  %s\n", (long long)((int64_t)row * forecast->ranks / rows), picture[row]);
    for (int64_t run = 0; run < sweep->runs && run < (int64_t)sizeof letters - 1; run++)
        fprintf(out, "%s%c %s",
                run == 0  ? "        "
                : run % 4 ? "   "
                          : "\n        ",
                letters[run], sweep->run[run].id);
    fprintf(out, sweep->runs > (int64_t)sizeof letters - 1 ? "   and so on\n" : "\n");
}
