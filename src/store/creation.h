/* State of the creation of a file: create.c creates the file and the groups of its runs, store_columns.c the
 * columns, curves and timeline. */
#ifndef STORE_CREATION_H
#define STORE_CREATION_H

#include "store/h5.h"
#include "store/store.h"

/* A column or curve that is written after creation, and the initial value of its elements. */
struct creation_column {
    int64_t offset, length; // bytes, in the file
    uint64_t first;         // the initial value, in the first `size` bytes
    size_t size;
};

struct creation {
    const struct store_plan *plan;
    const char *path;          // for messages
    hid_t file;                // in memory
    hid_t text;                // the type of variable-length text, open while columns are created,
    hid_t run, point, segment; // and the dimension scales
    int column_count;
    struct creation_column *columns; // [column_count]
};

/* Checks an HDF5 call. For functions that return `status` after a label `done`. */
#define WRITE(call)                                                                                          \
    do {                                                                                                     \
        if ((call) < 0)                                                                                      \
            TRY_DONE(h5_write_failure(creation->path, "a new results file"));                                \
    } while (0)

/* Creates the attributes of the root, the dimensions, columns, curves and timeline. */
enum status columns_create(struct creation *creation);

#endif
