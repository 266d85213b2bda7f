/* `run --grow` and `plan --extend`: extends the results file of a sweep to a larger sweep of the same name.
 */
#ifndef DRIVER_EXTEND_H
#define DRIVER_EXTEND_H

#include "base/status.h"
#include "sweep/sweep.h"

#include <stdbool.h>

/* Writes the new file beside the old one and renames it, so that a complete file exists at any instant. Each
 * run of the old file must be in the new sweep, unchanged (its results are copied) or with more steps at a
 * constant learning rate (it continues from its last checkpoint). STATUS_RESULTS for any other difference.
 * Does nothing if the file already holds the sweep. Not collective; the caller holds the file's lock. */
enum status extend_file(const char *path, const struct sweep *sweep, bool other_numerics);

/* Sets *left to the part of the larger sweep that the results file lacks: the runs that have not ended there.
 * steps [sweep->runs]: steps that the file has of each run of *left. STATUS_RESULTS if `run --grow` would
 * refuse the sweep. The caller frees left->run, also after a failure. */
enum status extend_remaining(const char *path, const struct sweep *sweep, struct sweep *left, int64_t *steps);

#endif
