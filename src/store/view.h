/* What the verifier needs of a view beyond store.h. */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include "store/store.h"

/* The CRC-32 of a run's curves, as they are now. */
enum status view_curve_crc(const struct store_view *view, int64_t run, uint32_t *crc);

/* As store_view_parameters; without values only the table is filled and `values` stays NULL. */
enum status view_parameters(const struct store_view *view, int64_t run, bool with_values,
                            struct store_parameters **parameters);

#endif
