/* What HDF5 makes awkward, done once: access lists, types, small reads, and our sentences for its failures.
 */
#ifndef STORE_H5_H
#define STORE_H5_H

#include "base/status.h"

#include <hdf5.h>
#include <stdint.h>

/* Before other calls: HDF5 stops printing its error stack, and the store's heartbeat begins. h5_settle ends
 * the heartbeat. */
void h5_begin(void);

/* Progress: call with every dataset, attribute, list of names and part of the file that is read. */
void h5_beat(void);

/* Closes an id of any kind but a file's and sets it to 0; 0 and failed ids (< 0) are fine. */
void h5_close(hid_t *id);

/* How every file is opened: metadata of version V18 and no lock on the file. The caller closes it. */
hid_t h5_access(void);

/* How every file is made: the root's links stay in its header, in the order of creation. The caller closes
 * it. */
hid_t h5_root(void);

/* Properties of a dataset: contiguous, with its place in the file from the start, and without time stamps.
 * The caller closes it. */
hid_t h5_contiguous(void);

/* Variable-length UTF-8. The caller closes it. */
hid_t h5_text_type(void);

/* Closes a file that was created, if it is open; `status` is that of the writes before. `what` completes the
 * sentence "cannot write ...". */
enum status h5_close_new(hid_t *file, const char *path, const char *what, enum status status);

/* The failure of the HDF5 call just made to write `what` into the file at `path`, in a sentence. From then on
 * h5_close and h5_close_new close nothing: HDF5 would try again to write what it could not. */
enum status h5_write_failure(const char *path, const char *what);

/* The failure of the HDF5 call just made to read `what`: STATUS_MACHINE for an error of the disk, else the
 * file is damaged. */
enum status h5_read_failure(const char *path, const char *what);

/* After several calls, some of which may have failed because something is not there: if the disk could not be
 * read meanwhile, that is the failure. Else it is `status`. Ends the heartbeat. */
enum status h5_settle(enum status status, const char *path);

/* Reads count[] elements from start[] on; `type` is that of memory, rank 1 or 2. */
herr_t h5_read_part(hid_t dataset, hid_t type, int rank, const hsize_t *start, const hsize_t *count,
                    void *values);

/* Fails unless the dataset has this shape, elements of class and size, and a place that lies inside the file.
 * size 0: variable-length text. */
enum status h5_expect(hid_t dataset, const char *path, const char *name, int rank, const hsize_t *shape,
                      H5T_class_t class, size_t size);

/* The text of an attribute, which the caller frees; NULL if it is not there or not a text. */
char *h5_attribute_text(hid_t object, const char *name);
/* An integer attribute; `otherwise` if it is not there or not an integer. */
int64_t h5_attribute_int(hid_t object, const char *name, int64_t otherwise);

/* The length of the dimension scale of this name; -1 if there is none. */
int64_t h5_dimension(hid_t file, const char *name);

/* The names in a group, in the order of creation; by the alphabet where the group does not keep that. */
struct h5_names {
    int count;
    char **name; // [count]
};
enum status h5_names_read(hid_t group, const char *path, struct h5_names *names);
void h5_names_free(struct h5_names *names);

#endif
