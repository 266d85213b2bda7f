/* Functions of a view that the store's own files use, beyond store.h. None of them calls h5_settle. */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include "store/file_layout.h"
#include "store/h5.h"
#include "store/store.h"

/* As store_view_open, but does not check the rows of finished runs. `output`: see store_probe. Calls h5_begin
 * and h5_settle. */
enum status view_open(const char *path, bool output, struct store_view **view);

const char *view_run_id(const struct store_view *view, int64_t run);

/* The array of a [runs] column or, unless `width` is 0, of a [runs, width] one. */
static inline struct h5_array view_array(const struct store_view *view, const char *name, H5T_class_t class,
                                         size_t size, int64_t width)
{
    return (struct h5_array){name, class, size, width ? 2 : 1, {(hsize_t)view->runs, (hsize_t)width}};
}

/* The array of a column of the timeline. */
struct h5_array view_timeline_array(enum timeline_column column, int64_t segments);

/* Reads a run's curves as they are now. values [CURVES, view->points]. *valid is false if the run is finished
 * and the curves do not match their checksum. */
enum status view_curves(const struct store_view *view, int64_t run, double *values, bool *valid);

/* STATUS_RESULTS unless the row or the curves of a finished run, or the model of a done one, match their
 * checksum. view_check_model also fails if tensors of another run are missing. */
enum status view_check_row(const struct store_view *view, int64_t run);
enum status view_check_curves(const struct store_view *view, int64_t run);
enum status view_check_model(const struct store_view *view, int64_t run);

/* Resets the row of a finished run to that of a pending run unless it matches its checksum. */
void view_reset_damaged_row(struct store_view *view, int64_t run);

/* As store_view_parameters, but without checking the checksum. If not `with_values`, only fills the table;
 * `values` stays NULL. */
enum status view_parameters(const struct store_view *view, int64_t run, bool with_values,
                            struct store_parameters **parameters);

/* Compares the bytes of an archive with /internal/bytes. A flipped bit changes either the size or the
 * checksum: then the archive is not `intact`. Where both differ, another program rewrote the file:
 * `rewritten`. */
enum status view_check_bytes(const struct store_view *view, int fd, bool *intact, bool *rewritten);

/* Appends one line per attribute, dataset and group that another program added. */
enum status view_foreign(const struct store_view *view, struct text *list);

#endif
