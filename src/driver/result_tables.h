/* The tables that `export` prints. */
#ifndef DRIVER_RESULT_TABLES_H
#define DRIVER_RESULT_TABLES_H

#include "store/store.h"

/* A row for each run: settings, status, outcomes. `live`: a process holds the file's lock. */
void export_runs(const struct store_view *view, bool live, struct column_table *table);

/* A row for each point that a run's curves reach. */
enum status export_curves(const struct store_view *view, struct column_table *table);

/* The columns of a timeline, for the table's rows, and one of these: what `export` and `plan` print alike. */
void timeline_columns(struct column_table *table);
void timeline_row(struct column_table *table, int64_t row, const char *run_id,
                  const struct timeline_interval *interval);

/* A row for each interval of ranks that worked on a run. */
enum status export_timeline(const struct store_view *view, struct column_table *table);

#endif
