// The timeline: who worked on what, when. Rank 0 writes it, one element of a column at a time.
#include "base/memory.h"
#include "store/file.h"
#include "store/file_layout.h"
#include "store/h5.h"
#include "store/store_writer.h"
#include "store/view.h"

#include <math.h>
#include <stdlib.h>

// ---- writing ----

static enum status write_element(struct store *store, enum timeline_column column, int64_t segment,
                                 const void *value)
{
    return file_write(store->fd, store->path, "the timeline", value, sizeof(int64_t),
                      store->timeline[column] + (off_t)sizeof(int64_t) * segment);
}

int64_t store_timeline_room(const struct store *store)
{
    return store->segments;
}

enum status store_timeline_begin(struct store *store, int64_t segment,
                                 const struct timeline_interval *interval)
{
    if (segment >= store->segments)
        return STATUS_OK;
    TRY(write_element(store, TIMELINE_FIRST_RANK, segment, &interval->first_rank));
    TRY(write_element(store, TIMELINE_RANKS, segment, &interval->ranks));
    TRY(write_element(store, TIMELINE_FROM_STEP, segment, &interval->from_step));
    TRY(write_element(store, TIMELINE_START, segment, &interval->start_seconds));
    TRY(store_timeline_extend(store, segment, interval->to_step, interval->end_seconds));
    return write_element(store, TIMELINE_RUN, segment, &interval->run); // last: now the others count
}

enum status store_timeline_extend(struct store *store, int64_t segment, int64_t to_step, double end_seconds)
{
    if (segment >= store->segments)
        return STATUS_OK;
    TRY(write_element(store, TIMELINE_TO_STEP, segment, &to_step));
    return write_element(store, TIMELINE_END, segment, &end_seconds);
}

// ---- reading ----

static enum status read_column(const struct store_view *view, enum timeline_column column, int64_t segments,
                               void *values)
{
    enum status status = STATUS_OK;
    const struct timeline_layout *layout = &layout_timeline[column];
    hid_t dataset = H5Dopen2(view->file, layout->name, H5P_DEFAULT);
    TRY_DONE(h5_expect(dataset, view->path, layout->name, 1, &(hsize_t){(hsize_t)segments},
                       layout->integer ? H5T_INTEGER : H5T_FLOAT, 8));
    if (H5Dread(dataset, layout->integer ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL,
                H5P_DEFAULT, values) < 0)
        TRY_DONE(h5_read_failure(view->path, layout->name));
done:
    h5_close(&dataset);
    return status;
}

static enum status read_columns(const struct store_view *view, int64_t segments, int64_t *const values[])
{
    for (int i = 0; i < TIMELINE_COLUMNS; i++)
        TRY(read_column(view, (enum timeline_column)i, segments, values[i]));
    return STATUS_OK;
}

static double real_of(int64_t bits)
{
    return (union {
               int64_t bits;
               double real;
           }){bits}
        .real;
}

// A power cut may leave a segment half-written, as long as nobody synced: it is left out.
static bool whole(const struct store_view *view, const struct timeline_interval *interval)
{
    return interval->run >= 0 && interval->run < view->runs && interval->first_rank >= 0 &&
           interval->ranks > 0 && interval->from_step >= 0 && interval->to_step >= interval->from_step &&
           interval->end_seconds >= interval->start_seconds; // false where one is NaN
}

enum status store_view_timeline(const struct store_view *view, struct timeline_interval **out, int64_t *count)
{
    *out = NULL;
    *count = 0;
    h5_begin();
    int64_t segments = h5_dimension(view->file, LAYOUT_SEGMENT);
    if (segments <= 0)
        return h5_settle(STATUS_OK, view->path);
    int64_t *values[TIMELINE_COLUMNS];
    for (int i = 0; i < TIMELINE_COLUMNS; i++)
        values[i] = memory_small((size_t)segments * sizeof **values);
    enum status status = h5_settle(read_columns(view, segments, values), view->path);
    struct timeline_interval *intervals = memory_small((size_t)segments * sizeof *intervals);
    for (int64_t i = 0; i < segments && status == STATUS_OK; i++) {
        const struct timeline_interval interval = {.run = values[TIMELINE_RUN][i],
                                                   .first_rank = values[TIMELINE_FIRST_RANK][i],
                                                   .ranks = values[TIMELINE_RANKS][i],
                                                   .from_step = values[TIMELINE_FROM_STEP][i],
                                                   .to_step = values[TIMELINE_TO_STEP][i],
                                                   .start_seconds = real_of(values[TIMELINE_START][i]),
                                                   .end_seconds = real_of(values[TIMELINE_END][i])};
        if (whole(view, &interval))
            intervals[(*count)++] = interval;
    }
    for (int i = 0; i < TIMELINE_COLUMNS; i++)
        free(values[i]);
    if (status != STATUS_OK) {
        free(intervals);
        return status;
    }
    *out = intervals;
    return STATUS_OK;
}
