/* Helpers around the HDF5 library: property lists, checked reads, and messages for failures. */
#ifndef STORE_H5_H
#define STORE_H5_H

#include "base/status.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

/* Call before any other HDF5 function. Stops HDF5 from printing its error stack and starts the store's
 * heartbeat, which h5_settle stops. */
void h5_begin(void);

/* Reports progress to the heartbeat. Call once per dataset, attribute, link and block that is read. */
void h5_beat(void);

/* Closes an id of any kind except a file's and sets it to 0. Ids <= 0 are ignored. */
void h5_close(hid_t *id);

/* Access properties of every file: metadata of version V18, no lock on the file. The caller closes the id. */
hid_t h5_access(void);

/* Creation properties of a file's root (H5P_FILE_CREATE) or of a group (H5P_GROUP_CREATE) that keeps up to
 * `max` links in its header, in the order of creation. The caller closes the id. */
enum { H5_MAX_ROOT_LINKS = 1000 };
hid_t h5_links(hid_t class, unsigned max);

/* Creation properties of a dataset: contiguous, allocated at once, without time stamps. The caller closes the
 * id. */
hid_t h5_contiguous(void);

/* The type of variable-length UTF-8 text. The caller closes the id. */
hid_t h5_text_type(void);

/* Closes a created file, if it is open. `status` is the status of the writes before. `what` completes the
 * sentence "cannot write ...". */
enum status h5_close_new(hid_t *file, const char *path, const char *what, enum status status);

/* Records that the last HDF5 call failed to write `what` into the file at `path`. From then on h5_close and
 * h5_close_new close nothing: HDF5 would repeat the failed write and crash. */
enum status h5_write_failure(const char *path, const char *what);

/* Records that the last HDF5 call failed to read `what`: STATUS_MACHINE if a system call failed, else
 * STATUS_RESULTS (the file is damaged). */
enum status h5_read_failure(const char *path, const char *what);

/* Call after HDF5 calls of which some may fail because an object is missing. Returns STATUS_MACHINE if a read
 * of the disk failed since h5_begin, else `status`. Stops the heartbeat. */
enum status h5_settle(enum status status, const char *path);

/* Creates a dataset, and the groups on its path that are missing; the caller closes the id. Negative after a
 * failure. */
hid_t h5_dataset_create(hid_t parent, const char *name, hid_t type, int rank, const hsize_t *shape,
                        hid_t properties);

/* Creates and writes an attribute of `count` elements, or a scalar with count 0. Negative after a failure. */
herr_t h5_attribute_write(hid_t object, const char *name, hid_t type, hsize_t count, const void *value);
herr_t h5_attribute_write_text(hid_t object, const char *name, const char *text);

/* The type and shape that a dataset must have. */
struct h5_array {
    const char *name; // path below the object that the dataset is opened from
    H5T_class_t class;
    size_t size; // bytes per element; 0: variable-length text
    int rank;    // 1 or 2
    hsize_t shape[2];
};

/* STATUS_RESULTS unless `dataset` is open, has this type and shape, and lies inside the file. */
enum status h5_array_check(hid_t dataset, const char *path, const struct h5_array *array);

/* Offset of the dataset's bytes in the file; -1 if the dataset is chunked. Fails as h5_array_check. */
enum status h5_array_locate(hid_t parent, const char *path, const struct h5_array *array, int64_t *offset);

/* Opens, checks and reads one row of a dataset, or with row -1 all of it, in the native type of the same
 * class and size. Not for texts of variable length. */
enum status h5_array_read(hid_t parent, const char *path, const struct h5_array *array, int64_t row,
                          void *values);

/* Everything in a dataset or an attribute, in the type that the file has. */
struct h5_values {
    hid_t type, space;
    size_t count, size; // elements, bytes per element
    void *bytes;        // [count, size]; pointers to texts if the type has a variable length
};

/* Reads a dataset or an attribute. Call h5_values_free also after a failure. */
enum status h5_values_read(hid_t object, const char *path, const char *name, struct h5_values *values);
void h5_values_free(struct h5_values *values);

/* The text of an attribute, which the caller frees; NULL if the attribute is missing or is not a text. */
char *h5_attribute_text(hid_t object, const char *name);
/* The value of an integer attribute; -1 if the attribute is missing or is not an integer. */
int64_t h5_attribute_int(hid_t object, const char *name);

/* The length of the dimension scale `name`; -1 if there is none. */
int64_t h5_dimension(hid_t file, const char *name);

/* Calls visit(member, name, context) for each member of a group or of a file's root, in the order of
 * creation, or alphabetically if the group does not track that order, until a call fails. `member`:
 * the open object, or negative for a soft or external link and for an object that cannot be opened. */
enum status h5_visit(hid_t group, const char *path, enum status (*visit)(hid_t, const char *, void *),
                     void *context);
/* The same for the attributes of an object, alphabetically. */
enum status h5_visit_attributes(hid_t object, const char *path,
                                enum status (*visit)(hid_t, const char *, void *), void *context);

#endif
