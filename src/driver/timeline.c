#include "driver/timeline.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* The group that works on a run: one row for each interval of ranks that follow each other. */
struct group {
    int size;   // ranks; 0: nobody works on it
    int *ranks; // [size], ascending
    double start;
    int64_t first_row; // -1: not in the file yet, since the step it began with is not known
};

struct timeline {
    struct store *store;
    int64_t runs, rows;
    double zero;         // the clock at the file's second 0
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

static int ascending(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

void timeline_group(struct timeline *timeline, int64_t run, const int *ranks, int size)
{
    struct group *group = &timeline->group[run];
    size_t bytes = (size_t)size * sizeof *ranks;
    free(group->ranks);
    *group = (struct group){size, memory_small(bytes), now(timeline), -1};
    memcpy(group->ranks, ranks, bytes);
    qsort(group->ranks, (size_t)size, sizeof *ranks, ascending);
}

// How many ranks follow each other from the one at `first` on.
static int stretch_from(const struct group *group, int first)
{
    int count = 1;
    while (first + count < group->size && group->ranks[first + count] == group->ranks[first] + count)
        count++;
    return count;
}

static enum status begin_rows(struct timeline *timeline, int64_t run, int64_t step)
{
    struct group *group = &timeline->group[run];
    group->first_row = timeline->rows;
    for (int first = 0, count; first < group->size; first += count) {
        count = stretch_from(group, first);
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
    for (int first = 0; first < group->size; first += stretch_from(group, first))
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
