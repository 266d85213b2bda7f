/* What the verifier and the two halves of a view need beyond store.h. */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include "store/file_layout.h"
#include "store/store.h"

/* As store_view_open, whatever the rows of finished runs hold: the verifier lists their faults. */
enum status view_open(const char *path, struct store_view **view);

/* If the row of a finished run does not match its checksum, what it left becomes unknown. */
void view_check_row(struct store_view *view, int64_t run);

/* One curve of a run, as it is now. values [view->points] */
enum status view_curve(const struct store_view *view, int64_t run, enum curve curve, double *values);

/* Whether the curves of a finished run match their checksum. */
enum status view_check_curve(const struct store_view *view, int64_t run, bool *valid);

/* Whether the model of a done run matches its checksum. The tensors of every run must be there. */
enum status view_check_model(const struct store_view *view, int64_t run, bool *valid);

/* As store_view_parameters; without values only the table is filled and `values` stays NULL. */
enum status view_parameters(const struct store_view *view, int64_t run, bool with_values,
                            struct store_parameters **parameters);

/* Appends one line for each attribute, dataset and group that another program added. */
enum status view_foreign(const struct store_view *view, struct text *list);

#endif
