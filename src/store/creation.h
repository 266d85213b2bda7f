/* State of the creation of a file: create.c creates the file and the groups of its runs, store_columns.c the
 * columns, curves and timeline. */
#ifndef STORE_CREATION_H
#define STORE_CREATION_H

#include "store/h5.h"
#include "store/store.h"

/* A column or curve whose initial values create.c writes: the bits of each element, int64 or float64. */
struct creation_column {
    int64_t offset, length; // bytes, in the file
    uint64_t first;
};

struct creation {
    const struct store_plan *plan;
    const char *path; // for messages
    hid_t file;       // in memory
    hid_t text;       // the type of variable-length text, open while columns are created
    struct dimension {
        hid_t scale;
        hsize_t length;
    } run, point, segment;
    int column_count;
    struct creation_column *columns; // [column_count]
    enum status status;              // of the first HDF5 call that failed
};

/* Checks an HDF5 call. After a failure the calls that need its id fail too and are ignored. */
#define WRITE(call)                                                                                          \
    do {                                                                                                     \
        if ((call) < 0 && creation->status == STATUS_OK)                                                     \
            creation->status = h5_write_failure(creation->path, "a new results file");                       \
    } while (0)

/* Creates the attributes of the root, the dimensions, columns, curves and timeline. */
void columns_create(struct creation *creation);

#endif
