/* Complete reads and writes at an offset of a file, and messages for failures of the file system. */
#ifndef STORE_FILE_H
#define STORE_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Read or write `length` bytes. `what` completes the sentence "cannot write ...". STATUS_RESULTS if the file
 * ends before the last byte to read. */
enum status file_read(int fd, const char *path, const char *what, void *bytes, size_t length, off_t offset);
enum status file_write(int fd, const char *path, const char *what, const void *bytes, size_t length,
                       off_t offset);

/* Extends `crc` by the bytes of the file from offset `from` (inclusive) to `to` (exclusive). */
enum status file_checksum(int fd, const char *path, const char *what, off_t from, off_t to, uint32_t *crc);

/* Opens the file with `flags` (O_RDONLY, O_RDWR); the caller closes *fd, which is -1 after a failure.
 * STATUS_RESULTS if the path does not name a regular file that may be opened, STATUS_MACHINE if the file
 * system fails. */
enum status file_open(const char *path, int flags, int *fd);

/* Waits until the disk has everything that this machine has written to the file through any descriptor. */
enum status file_sync(int fd, const char *path, const char *what);

/* Whether a file of that name exists. STATUS_MACHINE if the file system does not respond, STATUS_RESULTS for
 * an invalid path or a link to a missing file, STATUS_USAGE for a folder or a device, or if no file of that
 * name can be created: its folder does not exist, or the name is too long for NAME.part. */
enum status file_exists(const char *path, bool *exists);

/* Whether `path` names this open file. If not, errno is the error of the lookup, or 0 if `path` names another
 * file. */
bool file_is_at(int fd, const char *path);

/* Syncs the new file `part` and renames it to `path` in the same folder. At any moment `path` names the old
 * file or the complete new file. */
enum status file_rename(const char *part, const char *path, const char *what);

/* Removes the new results file of a killed command at `path`, if any. STATUS_USAGE if there is another file,
 * also a results file in which a run has begun. */
enum status file_remove_leftover(const char *path);

/* Calls `make` to write the new file PATH.part and renames it to PATH. Removes PATH.part after a failure.
 * STATUS_USAGE as file_remove_leftover. */
enum status file_create(const char *path, const char *what,
                        enum status (*make)(const char *part, const void *context), const void *context);

/* Records that `what` cannot be written because of errno `error`. */
enum status file_write_failure(const char *path, const char *what, int error);

#endif
