/* One CRC-32 over the immutable content of a results file: the texts of the root; the name, type, shape,
 * dimensions and attributes of each column; the values of the settings. The checksum is over the content that
 * HDF5 returns, not over bytes of the file: another program may add attributes, datasets and groups, and HDF5
 * may move metadata when it does so. Such additions are called foreign: they come after the datasets of this
 * program, and no reader of this program uses them (foreign.c lists them).
 *
 * The dataset /internal/immutable holds the struct. The struct also identifies a file, because the checksum
 * covers the time of creation. */
#ifndef STORE_IMMUTABLE_H
#define STORE_IMMUTABLE_H

#include "base/status.h"

#include <hdf5.h>
#include <stdint.h>

struct immutable {
    int64_t datasets; // number of datasets of the root, in the order of creation, that belong to this program
    int64_t checksum;
};

/* Attributes of columns whose texts the checksum covers; NULL ends the list. */
extern const char *const immutable_attributes[];

/* Computes the checksum over the first `limit` datasets of the root, or over all of them if there are fewer.
 */
enum status immutable_sum(hid_t file, const char *path, int64_t limit, struct immutable *sum);

/* Creates /internal/immutable. Call after everything that the checksum covers is in the file. `what`
 * completes the sentence "cannot write ...". */
enum status immutable_create(hid_t file, const char *path, const char *what, int64_t limit);

/* STATUS_RESULTS unless the content matches /internal/immutable. *datasets: see the struct. */
enum status immutable_check(hid_t file, const char *path, int64_t *datasets);

#endif
