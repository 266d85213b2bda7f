/* Functions of a view that the store's own files use, beyond store.h. None of them calls h5_settle. */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include "store/file_layout.h"
#include "store/h5.h"
#include "store/store.h"

/* As store_view_open, but does not check the rows of finished runs. Calls h5_begin and h5_settle. */
enum status view_open(const char *path, struct store_view **view);

const char *view_run_id(const struct store_view *view, int64_t run);

/* The array of a [runs] column. */
static inline struct h5_array view_array(const struct store_view *view, const char *name, H5T_class_t class,
                                         size_t size)
{
    return (struct h5_array){name, 1, {(hsize_t)view->runs}, class, size};
}

/* The array of a column of the timeline. */
struct h5_array view_timeline_array(enum timeline_column column, int64_t segments);

/* Whether the row of a finished run matches its checksum. */
bool view_row_is_valid(const struct store_view *view, int64_t run);

/* Resets the row of a finished run to that of a pending run unless it matches its checksum. */
void view_check_row(struct store_view *view, int64_t run);

/* Reads a run's curves as they are now. values [CURVES, view->points]. *valid is false if the run is finished
 * and the curves do not match their checksum. */
enum status view_curves(const struct store_view *view, int64_t run, double *values, bool *valid);

/* *valid as view_curves sets it. */
enum status view_check_curves(const struct store_view *view, int64_t run, bool *valid);

/* *valid is false if the run is done and its model does not match its checksum. Fails if tensors are missing.
 */
enum status view_check_model(const struct store_view *view, int64_t run, bool *valid);

/* As store_view_parameters, but without checking the checksum. If not `with_values`, only fills the table;
 * `values` stays NULL. */
enum status view_parameters(const struct store_view *view, int64_t run, bool with_values,
                            struct store_parameters **parameters);

/* Appends one line per attribute, dataset and group that another program added. */
enum status view_foreign(const struct store_view *view, struct text *list);

#endif
