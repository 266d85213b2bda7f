/* What the two halves of making a file share: create.c makes the file and its runs, columns.c everything
 * before them. */
#ifndef STORE_CREATION_H
#define STORE_CREATION_H

#include "store/h5.h"
#include "store/store.h"

/* A column or curve that is written after creation, and the value of all its elements until then. */
struct creation_column {
    int64_t offset, length; // bytes, in the file
    uint64_t first;         // its value is the first `size` bytes
    size_t size;
};

struct creation {
    const struct store_plan *plan;
    const char *path;          // for messages
    hid_t file;                // in memory
    hid_t text;                // while the columns are made: the type of variable-length text,
    hid_t run, point, segment; // and the dimension scales
    int column_count;
    struct creation_column *columns; // [column_count]
};

/* In a function that returns `status` from a label `done`. */
#define WRITE(call)                                                                                          \
    do {                                                                                                     \
        if ((call) < 0)                                                                                      \
            TRY_DONE(h5_write_failure(creation->path, "a new results file"));                                \
    } while (0)

/* The root's attributes, the dimensions, columns and curves. */
enum status columns_create(struct creation *creation);

#endif
