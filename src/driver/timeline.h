/* Who works on what: keeps the results file's timeline while a sweep runs. Rank 0 alone. */
#ifndef DRIVER_TIMELINE_H
#define DRIVER_TIMELINE_H

#include "base/status.h"
#include "store/store.h"

struct timeline;

/* What the file holds already: `rows`, the last of which ended at `seconds`; the clock goes on from there.
 * The store stays the caller's. */
struct timeline_past {
    int64_t rows;
    double seconds;
};
enum status timeline_past(const struct store_view *view, struct timeline_past *past);

void timeline_create(struct store *store, int64_t runs, struct timeline_past past,
                     struct timeline **timeline);
void timeline_destroy(struct timeline **timeline);

/* From now on these ranks work on the run, instead of those before.  ranks [size] */
void timeline_group(struct timeline *timeline, int64_t run, const int *ranks, int size);

/* They have come to this step; the first such report is where they began. */
enum status timeline_at(struct timeline *timeline, int64_t run, int64_t step);

/* They have stopped, at this step. */
enum status timeline_end(struct timeline *timeline, int64_t run, int64_t step);

#endif
