/* The checksum over all bytes of an archive. The checksums over columns, curves and models leave out free
 * space, reserved bytes of HDF5's metadata and rows of unfinished runs.
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

/* Compares the file with the struct. A flipped bit changes either the size or the checksum: then the file is
 * not `intact`. Where both differ, another program rewrote the file: `rewritten`. */
enum status archive_bytes_check(hid_t file, int fd, const char *path, bool *intact, bool *rewritten);

#endif
