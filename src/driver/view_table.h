/* A results file as tables, and a run of it by its name, for status, export and predict. */
#ifndef DRIVER_VIEW_TABLE_H
#define DRIVER_VIEW_TABLE_H

#include "store/store.h"

/* The name of a run's status as people see it: a run that is marked running in a file that nobody writes any
 * more is pending. `live`: a process holds the file's lock. */
enum run_state view_status(const struct store_view *view, int64_t run, bool live);
const char *view_status_name(enum run_state status);

/* Adds a copy of the view's column of that name. */
void view_copy_column(struct column_table *table, const struct store_view *view, const char *name);

/* Adds the text column `status`. */
void view_add_status(struct column_table *table, const struct store_view *view, bool live);

/* The run that the argument of `option` singles out (selection.h). STATUS_USAGE with a sentence. */
enum status view_find_run(const struct store_view *view, const char *option, const char *argument,
                          int64_t *run);

/* The parameters of a finished run; STATUS_RESULTS with a sentence if it has none. The caller frees them. */
enum status view_read_model(const struct store_view *view, int64_t run, struct store_parameters **parameters);

#endif
