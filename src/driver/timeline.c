#include "driver/timeline.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/number.h"

#include <stdlib.h>
#include <string.h>

/* The group that trains a run. The file has one row per range of consecutive ranks of the group. */
struct group {
    int size;          // number of ranks; 0: no group
    int *ranks;        // [size], ascending
    double start;      // seconds
    int64_t first_row; // -1: no row yet, because the first step is not known
};

struct timeline {
    struct store *store;
    int64_t runs, rows;
    double zero;         // the clock at second 0 of the file
    struct group *group; // [runs]
};

enum status timeline_past(const struct store_view *view, struct timeline_past *past)
{
    struct timeline_interval *intervals;
    *past = (struct timeline_past){0};
    TRY(store_view_timeline(view, &intervals, &past->rows));
    for (int64_t i = 0; i < past->rows; i++)
        if (intervals[i].end_seconds > past->seconds)
            past->seconds = intervals[i].end_seconds;
    free(intervals);
    return STATUS_OK;
}

void timeline_create(struct store *store, int64_t runs, struct timeline_past past, struct timeline **out)
{
    struct timeline *timeline = memory_small(sizeof *timeline);
    *timeline = (struct timeline){
        .store = store, .runs = runs, .rows = past.rows, .zero = clock_seconds() - past.seconds};
    timeline->group = memory_small((size_t)runs * sizeof *timeline->group);
    *out = timeline;
}

void timeline_destroy(struct timeline **timeline)
{
    if (!*timeline)
        return;
    for (int64_t run = 0; run < (*timeline)->runs; run++)
        free((*timeline)->group[run].ranks);
    free((*timeline)->group);
    free(*timeline);
    *timeline = NULL;
}

static double now(const struct timeline *timeline)
{
    return clock_seconds() - timeline->zero;
}

void timeline_group(struct timeline *timeline, int64_t run, const int *ranks, int size)
{
    struct group *group = &timeline->group[run];
    size_t bytes = (size_t)size * sizeof *ranks;
    free(group->ranks);
    *group = (struct group){size, memory_small(bytes), now(timeline), -1};
    memcpy(group->ranks, ranks, bytes);
    qsort(group->ranks, (size_t)size, sizeof *ranks, number_by_int);
}

static enum status begin_rows(struct timeline *timeline, int64_t run, int64_t step)
{
    struct group *group = &timeline->group[run];
    group->first_row = timeline->rows;
    for (int first = 0, count; first < group->size; first += count) {
        count = timeline_consecutive(group->ranks, group->size, first);
        const struct timeline_interval interval = {run,  group->ranks[first], count,        step,
                                                   step, group->start,        now(timeline)};
        TRY(store_timeline_begin(timeline->store, timeline->rows++, &interval));
    }
    return STATUS_OK;
}

enum status timeline_at(struct timeline *timeline, int64_t run, int64_t step)
{
    struct group *group = &timeline->group[run];
    if (group->size == 0)
        return STATUS_OK;
    if (group->first_row < 0)
        return begin_rows(timeline, run, step);
    int64_t row = group->first_row;
    for (int first = 0; first < group->size; first += timeline_consecutive(group->ranks, group->size, first))
        TRY(store_timeline_extend(timeline->store, row++, step, now(timeline)));
    return STATUS_OK;
}

enum status timeline_end(struct timeline *timeline, int64_t run, int64_t step)
{
    enum status status = timeline_at(timeline, run, step);
    free(timeline->group[run].ranks);
    timeline->group[run] = (struct group){0};
    return status;
}

// ---- tables ----

void timeline_columns(struct column_table *table)
{
    column_add(table, "run_id", COLUMN_TEXT, "1", "run");
    column_add(table, "first_rank", COLUMN_INT, "1", "first rank of the range");
    column_add(table, "ranks", COLUMN_INT, "1", "number of consecutive ranks");
    column_add(table, "from_step", COLUMN_INT, "steps", "training steps done at the start");
    column_add(table, "to_step", COLUMN_INT, "steps", "training steps done at the end");
    column_add(table, "start_seconds", COLUMN_REAL, "s", "start of the interval");
    column_add(table, "end_seconds", COLUMN_REAL, "s", "end of the interval");
}

void timeline_row(struct column_table *table, int64_t row, const char *run_id,
                  const struct timeline_interval *interval)
{
    struct column *column = table->columns;
    column[0].texts[row] = memory_text(run_id);
    column[1].ints[row] = interval->first_rank;
    column[2].ints[row] = interval->ranks;
    column[3].ints[row] = interval->from_step;
    column[4].ints[row] = interval->to_step;
    column[5].reals[row] = interval->start_seconds;
    column[6].reals[row] = interval->end_seconds;
}
