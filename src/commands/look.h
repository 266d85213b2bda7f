/* A look at a results file by a process of its own, before this one opens it.
 *
 * libhdf5 believes most of what it finds in a file: damaged metadata may crash it, or send it round in circles. What opens an
 * existing file therefore lets the program itself, started anew as `weightsweep look FILE`, go first: its death by a signal, or
 * five seconds without a sign of life, is STATUS_RESULTS and a sentence here. A fork would not do: it is unsafe once MPI has
 * started. */
#ifndef COMMANDS_LOOK_H
#define COMMANDS_LOOK_H

#include "base/status.h"
#include "store/store.h"

enum look {
    LOOK_COLUMNS, // what the file's root holds
    LOOK_ALL,     // and the model and checkpoints of each run
};

/* What the look found: STATUS_OK, or the failure of the child as if it were ours. Not collective. */
enum status look_at(const char *path, enum look what);

/* store_view_open after such a look. */
enum status look_open(const char *path, enum look what, struct store_view **view);

#endif
