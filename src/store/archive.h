/* The checksum over all bytes of an archive. The checksums over columns, curves and models do not cover free
 * space, reserved bytes of HDF5's metadata and rows of unfinished runs.
 *
 * The dataset /internal/bytes holds the file's size and the CRC-32 of all its bytes except those of the
 * dataset. */
#ifndef STORE_ARCHIVE_H
#define STORE_ARCHIVE_H

#include "base/status.h"

#include <hdf5.h>
#include <stdbool.h>

/* Compares an archive with /internal/bytes. A flipped bit changes either the size or the checksum: then the
 * archive is not `intact`. Where both differ, another program rewrote the file: `rewritten`. */
enum status archive_check_bytes(hid_t file, int fd, const char *path, bool *intact, bool *rewritten);

#endif
