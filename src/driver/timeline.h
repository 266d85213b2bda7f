/* Timeline of the results file: which ranks train which run, recorded while a sweep runs. Rank 0 only. */
#ifndef DRIVER_TIMELINE_H
#define DRIVER_TIMELINE_H

#include "base/status.h"
#include "store/store.h"

struct timeline;

/* The timeline of earlier commands. The clock of the new rows starts at `seconds`. */
struct timeline_past {
    int64_t rows;   // number of rows in the file
    double seconds; // latest end of a row
};
enum status timeline_past(const struct store_view *view, struct timeline_past *past);

/* Creates a timeline that appends to the file's. The store must outlive it. The caller frees it. */
void timeline_create(struct store *store, int64_t runs, struct timeline_past past,
                     struct timeline **timeline);
void timeline_destroy(struct timeline **timeline);

/* Sets the ranks that train the run from now on. ranks: [size] */
void timeline_group(struct timeline *timeline, int64_t run, const int *ranks, int size);

/* Reports the run's step. The first report after timeline_group is the first step of its ranks. */
enum status timeline_at(struct timeline *timeline, int64_t run, int64_t step);

/* Reports that the run's ranks stopped at this step. */
enum status timeline_end(struct timeline *timeline, int64_t run, int64_t step);

/* Adds the columns of a timeline to a table, and fills one row of it. */
void timeline_columns(struct column_table *table);
void timeline_row(struct column_table *table, int64_t row, const char *run_id,
                  const struct timeline_interval *interval);

#endif
