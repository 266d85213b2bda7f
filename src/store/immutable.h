/* What never changes in a results file after its creation, and one CRC-32 over it: the texts of the root; of
 * each column its name, type, shape, dimensions and attributes; the values of the settings. The checksum is
 * over the content as HDF5 hands it out, not over bytes of the file: another program may add attributes,
 * datasets and groups, and HDF5 may move metadata when it does so. Those additions are foreign: they come
 * after the datasets of this program, and no reader here uses them (foreign.c lists them).
 *
 * The dataset /internal/immutable holds the struct. It also identifies a file: the checksum covers the time
 * of creation. */
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

/* Computes the checksum over the first `limit` datasets of the root, or over all if there are fewer. */
enum status immutable_sum(hid_t file, const char *path, int64_t limit, struct immutable *sum);

/* Creates /internal/immutable, once everything that it covers is in the file. */
enum status immutable_create(hid_t file, const char *path, int64_t limit);

/* STATUS_RESULTS unless the content is what it was at creation. *datasets: see the struct. */
enum status immutable_check(hid_t file, const char *path, int64_t *datasets);

#endif
