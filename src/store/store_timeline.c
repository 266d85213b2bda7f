// The timeline: the intervals in which ranks worked on runs. Rank 0 writes it, one element at a time.
#include "base/memory.h"
#include "store/file.h"
#include "store/file_layout.h"
#include "store/h5.h"
#include "store/store_writer.h"
#include "store/view.h"

#include <stdlib.h>

// An interval as the elements of its columns, in the order of enum timeline_column.
union elements {
    struct timeline_interval interval;
    int64_t element[TIMELINE_COLUMNS]; // or the bits of a double
};
_Static_assert(sizeof(union elements) == sizeof(struct timeline_interval), "one column per member");

struct h5_array view_timeline_array(enum timeline_column column, int64_t segments)
{
    const struct column *layout = &layout_timeline[column];
    H5T_class_t class = layout->type == COLUMN_INT ? H5T_INTEGER : H5T_FLOAT;
    return (struct h5_array){layout->name, class, sizeof(int64_t), 1, {(hsize_t)segments}};
}

// ---- writing ----

static enum status write_element(struct store *store, enum timeline_column column, int64_t segment,
                                 const void *element)
{
    return file_write(store->fd, store->path, "the timeline", element, sizeof(int64_t),
                      store->timeline[column] + (off_t)sizeof(int64_t) * segment);
}

enum status store_timeline_begin(struct store *store, int64_t segment,
                                 const struct timeline_interval *interval)
{
    const union elements elements = {*interval};
    if (segment >= store->segments)
        return STATUS_OK;
    for (int i = TIMELINE_COLUMNS - 1; i >= 0; i--) // the run last: readers skip a row without a run
        TRY(write_element(store, (enum timeline_column)i, segment, &elements.element[i]));
    return STATUS_OK;
}

enum status store_timeline_extend(struct store *store, int64_t segment, int64_t to_step, double end_seconds)
{
    if (segment >= store->segments)
        return STATUS_OK;
    TRY(write_element(store, TIMELINE_TO_STEP, segment, &to_step));
    return write_element(store, TIMELINE_END, segment, &end_seconds);
}

// ---- reading ----

// False for an unused row, and for one that a power cut left incomplete because nothing synced it.
static bool is_complete(const struct store_view *view, const struct timeline_interval *interval)
{
    return interval->run >= 0 && interval->run < view->runs && interval->first_rank >= 0 &&
           interval->ranks > 0 && interval->from_step >= 0 && interval->to_step >= interval->from_step &&
           interval->end_seconds >= interval->start_seconds; // false if one of them is NaN
}

enum status store_view_timeline(const struct store_view *view, struct timeline_interval **out, int64_t *count)
{
    enum status status = STATUS_OK;
    h5_begin();
    int64_t segments = h5_dimension(view->file, LAYOUT_SEGMENT);
    size_t rows = segments > 0 ? (size_t)segments : 0; // older files have no timeline
    union elements *elements = memory_small(rows * sizeof *elements);
    int64_t *values = memory_small(rows * sizeof *values);
    *out = memory_small(rows * sizeof **out);
    *count = 0;
    for (int i = 0; i < TIMELINE_COLUMNS && rows > 0; i++) {
        const struct h5_array array = view_timeline_array((enum timeline_column)i, segments);
        TRY_DONE(h5_array_read(view->file, view->path, &array, -1, values));
        for (size_t row = 0; row < rows; row++)
            elements[row].element[i] = values[row];
    }
    for (size_t row = 0; row < rows; row++)
        if (is_complete(view, &elements[row].interval))
            (*out)[(*count)++] = elements[row].interval;
done:
    free(values);
    free(elements);
    return h5_settle(status, view->path);
}
