/* Whole reads and writes at a place in a file, with failures in words. */
#ifndef STORE_FILE_H
#define STORE_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* `what` completes the sentence "disk full while writing ...". A file that ends early is damaged:
 * STATUS_RESULTS. */
enum status file_read(int fd, const char *path, const char *what, void *bytes, size_t length, off_t offset);
enum status file_write(int fd, const char *path, const char *what, const void *bytes, size_t length,
                       off_t offset);

/* Extends `crc` by the bytes of the file from offset `from` (inclusive) to `to` (exclusive). */
enum status file_checksum(int fd, const char *path, const char *what, off_t from, off_t to, uint32_t *crc);

/* Opens the file for reading; the caller closes `fd` if it is not negative, also after a failure. A path that
 * leads to no readable file is STATUS_RESULTS, a failure of the file system STATUS_MACHINE. */
enum status file_open(const char *path, int *fd);

/* The failure `error` to open the file for reading, in a sentence. */
enum status file_open_failure(const char *path, int error);

/* Makes the file `to`, at `path`, the same as `from`, holes included where it had none before. */
enum status file_copy(int from, int to, const char *path, const char *what);

/* Everything written to the file so far, through whatever descriptor of this machine, is on the disk
 * afterwards. */
enum status file_sync(int fd, const char *path, const char *what);

/* Whether there is a file of that name. What hides it is not its absence: a network file system that does not
 * answer is STATUS_MACHINE, and a path that cannot lead anywhere, or a link to nothing, STATUS_RESULTS. */
enum status file_exists(const char *path, bool *exists);

/* Whether the name leads to this open file. If not, errno says why it leads nowhere, or is 0 where it leads
 * to another one. */
bool file_is_at(int fd, const char *path);

/* Gives a new file, which lies beside it, its name: whoever opens the name finds what was there before or the
 * new file, whole and on the disk. */
enum status file_rename(const char *part, const char *path, const char *what);

/* Has `make` write a new file beside its name, PATH.part, and renames it. Leaves nothing behind after a
 * failure. STATUS_USAGE if there is no such folder. */
enum status file_create(const char *path, const char *what,
                        enum status (*make)(const char *part, const void *context), const void *context);

/* The failure to write `what`, in a sentence. */
enum status file_write_failure(const char *path, const char *what, int error);

#endif
