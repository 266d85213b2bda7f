/* The checksum over all bytes of an archive. Checksums over columns, curves and models leave out what HDF5 does not
 * interpret and what belongs to no run; an archive never changes, so each of its bytes can count.
 *
 * The dataset /internal/bytes holds the struct. Its own bytes are not in the checksum. */
#ifndef STORE_ARCHIVE_BYTES_H
#define STORE_ARCHIVE_BYTES_H

#include "base/status.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

struct archive_bytes {
    int64_t size; // of the file
    int64_t checksum;
};

/* Creates the dataset; *offset is its place in the file. */
enum status archive_bytes_create(hid_t file, const char *path, int64_t *offset);

/* Writes the struct of a file that is closed. */
enum status archive_bytes_write(const char *path, int64_t offset);

/* Compares the file with the struct. A flipped bit leaves either the size or the checksum as it was: then the file is not
 * `intact`. Where both differ, the file was `rewritten` by another program. */
enum status archive_bytes_check(hid_t file, int fd, const char *path, bool *intact, bool *rewritten);

#endif
