/* `run --grow`: the results file of a sweep becomes that of a larger sweep of the same name. */
#ifndef DRIVER_EXTEND_H
#define DRIVER_EXTEND_H

#include "base/status.h"
#include "sweep/sweep.h"

#include <stdbool.h>

/* Makes the new file beside the old one and renames it, so that at any instant one of the two is there,
 * whole. Every run of the old file has to be in the new sweep (it keeps all it has), or the same with more
 * steps at a constant rate (it goes on from its last checkpoint). Anything else is STATUS_RESULTS with a
 * sentence. Does nothing if the sweep is the file's already. One process, which holds the file's lock. */
enum status extend_file(const char *path, const struct sweep *sweep, bool other_numerics);

#endif
