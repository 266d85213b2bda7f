/* The part of the file that never changes after its creation: from its start to the end of the columns, less
 * what is written later (outcomes, curves). It holds every text and the names of all runs.
 *
 * HDF5 checksums its own metadata, but not the heaps in which variable-length text lies, and it believes the
 * lengths that it finds there. So these bytes have checksums of their own, in the dataset /internal/frozen
 * [pieces, 3]: offset, length, CRC-32; a reader compares them before it asks HDF5 for any text. In an archive, which
 * nobody writes any more, they are all its bytes. */
#ifndef STORE_FROZEN_H
#define STORE_FROZEN_H

#include "base/status.h"

#include <hdf5.h>
#include <stdint.h>

struct frozen_piece {
    int64_t offset, length; // bytes
    int64_t crc;
};

/* The pieces of a file under construction: holes are noted one by one, in any order, then cut out. */
struct frozen {
    int count;
    struct frozen_piece *holes; // [count]
};

/* Notes that this dataset will be written later. */
void frozen_except(struct frozen *frozen, hid_t dataset);
void frozen_free(struct frozen *frozen);

/* Creates the dataset for the pieces, once all holes are noted, and says where it is in the file; it is a hole too. */
herr_t frozen_create(struct frozen *frozen, hid_t file, int64_t *place);

/* Sums the pieces of [0, end) and writes them at `place`: last of all, through a descriptor, with the file
 * closed. */
enum status frozen_seal(struct frozen *frozen, int fd, const char *path, int64_t end, int64_t place);

/* STATUS_RESULTS unless every piece is as it was. `file` is open already; its text may be read only
 * afterwards. */
enum status frozen_check(hid_t file, const char *path);

#endif
