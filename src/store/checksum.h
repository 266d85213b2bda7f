/* The checksums that writer and readers share. All checksums are CRC-32 (zlib's), stored
 * as int64.
 *
 * One checksum covers the immutable content of a results file: the texts of the root; the name, type, shape,
 * dimensions and attributes of each column; the values of the settings. The checksum covers the content that
 * HDF5 returns, not bytes of the file: another program may add attributes, datasets and groups, and HDF5 may
 * then move metadata. Such additions are called foreign. Foreign datasets come after the datasets of this
 * program, and no reader of this program uses foreign objects (foreign.c lists them). */
#ifndef STORE_CHECKSUM_H
#define STORE_CHECKSUM_H

#include "store/store.h"

#include <hdf5.h>

/* The content of the dataset /internal/immutable. The checksum also identifies a file, because it covers
 * the time of creation. */
struct immutable {
    int64_t datasets; // number of datasets of the root, in the order of creation, that belong to this program
    int64_t checksum;
};

/* Attributes of columns whose texts the checksum covers; NULL ends the list. */
extern const char *const checksum_attributes[];

/* Computes the checksum over the first `limit` datasets of the root, or over all if there are fewer. */
enum status checksum_immutable(hid_t file, const char *path, int64_t limit, struct immutable *sum);

/* Creates /internal/immutable, over the first `limit` datasets of the root. Call after everything that the
 * checksum covers is in the file. `what` completes the sentence "cannot write ...". */
enum status checksum_create(hid_t file, const char *path, const char *what, int64_t limit);

/* STATUS_RESULTS unless the content matches /internal/immutable. *datasets: see the struct. */
enum status checksum_check(hid_t file, const char *path, int64_t *datasets);

/* Checks the checksum of schema version 1, an attribute, over the texts of the root and the settings. */
enum status checksum_check_older(const struct store_view *view);

/* Creates the dataset of a checksum: two int64 values. `what` completes the sentence "cannot write ...".
 * *offset is the offset of the values in the file. */
enum status checksum_pair_create(hid_t file, const char *path, const char *what, const char *name,
                                 const int64_t pair[2], int64_t *offset);
/* Reads a dataset that checksum_pair_create made. *offset: see h5_array_locate. */
enum status checksum_pair_read(hid_t file, const char *path, const char *name, int64_t pair[2],
                               int64_t *offset);

/* Checksum of the row of a finished run. outcomes [count]: the eight bytes of each value, int64 or float64,
 * in the file's order. message [STORE_MESSAGE_LENGTH], arithmetic [STORE_ARITHMETIC_LENGTH]: padded with
 * zeros. */
int64_t checksum_row(const char *run_id, uint8_t status, const uint64_t *outcomes, int count,
                     const char *message, const char *arithmetic);

#endif
