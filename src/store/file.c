#include "store/file.h"

#include "base/hash.h"
#include "base/memory.h"
#include "store/checkpoint.h"
#include "store/file_layout.h"
#include "store/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, PAGE = 4096 }; // bytes read at a time

enum status file_write_failure(const char *path, const char *what, int error)
{
    const char *reason = error == ENOSPC ? "disk full" : strerror(error);
    const char *advice = "wait until the disk can be written";
    if (error == ENOSPC || error == EDQUOT)
        advice = "free space";
    else if (error == EFBIG)
        advice = "raise the limit of file sizes (`ulimit -f`, or the file system's)";
    FAIL(STATUS_MACHINE, "%s: %s while writing %s; %s and run the same command again", path, reason, what,
         advice);
}

enum status file_read(int fd, const char *path, const char *what, void *bytes, size_t length, off_t offset)
{
    for (char *next = bytes; length > 0;) {
        h5_beat();
        ssize_t got = pread(fd, next, length, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            FAIL(STATUS_MACHINE, "%s: cannot read %s: %s", path, what, strerror(errno));
        if (got == 0)
            FAIL(STATUS_RESULTS, "%s is damaged: it ends inside %s", path, what);
        next += got;
        offset += got;
        length -= (size_t)got;
    }
    return STATUS_OK;
}

enum status file_write(int fd, const char *path, const char *what, const void *bytes, size_t length,
                       off_t offset)
{
    for (const char *next = bytes; length > 0;) {
        ssize_t put = pwrite(fd, next, length, offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return file_write_failure(path, what, put < 0 ? errno : ENOSPC);
        next += put;
        offset += put;
        length -= (size_t)put;
    }
    return STATUS_OK;
}

enum status file_checksum(int fd, const char *path, const char *what, off_t from, off_t to, uint32_t *crc)
{
    enum status status = STATUS_OK;
    char *block = memory_small(BLOCK);
    for (; from < to && status == STATUS_OK; from += BLOCK) {
        size_t length = to - from < BLOCK ? (size_t)(to - from) : BLOCK;
        status = file_read(fd, path, what, block, length, from);
        *crc = hash_crc32(*crc, block, length);
    }
    free(block);
    return status;
}

enum status file_sync(int fd, const char *path, const char *what)
{
    return fdatasync(fd) == 0 ? STATUS_OK : file_write_failure(path, what, errno);
}

// Whether the user must choose another path or change permissions. Other errors are the machine's failures.
static bool is_of_path(int error)
{
    return error == ENOTDIR || error == EACCES || error == EPERM || error == ELOOP || error == ENAMETOOLONG ||
           error == EROFS;
}

enum status file_open(const char *path, int flags, int *fd)
{
    struct stat file;
    *fd = -1;
    if (stat(path, &file) == 0 && !S_ISREG(file.st_mode))
        FAIL(STATUS_RESULTS, "%s is %s; expected a results file", path,
             S_ISDIR(file.st_mode) ? "a folder" : "not a regular file");
    *fd = open(path, flags | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT)
        FAIL(STATUS_RESULTS, "%s: no such file; `weightsweep run SWEEP.yaml -o %s` creates it", path, path);
    if (*fd < 0 && is_of_path(errno))
        FAIL(STATUS_RESULTS, "%s cannot be opened: %s", path, strerror(errno));
    if (*fd < 0)
        FAIL(STATUS_MACHINE, "cannot open %s: %s; run the same command again when the file system responds",
             path, strerror(errno));
    return STATUS_OK;
}

// STATUS_USAGE unless the path can be the name of a new file.
static enum status check_new(const char *path)
{
    char *folder = memory_text(path), *part = memory_format("%s.part", path);
    struct stat file;
    bool missing = stat(dirname(folder), &file) != 0 && errno == ENOENT;
    bool too_long = lstat(part, &file) != 0 && errno == ENAMETOOLONG;
    free(part);
    free(folder);
    if (missing)
        FAIL(STATUS_USAGE, "%s: its folder is not there; create it, or give another name with -o", path);
    if (too_long)
        FAIL(STATUS_USAGE,
             "%s: the name is too long: the file is written as NAME.part first; give a shorter name with -o",
             path);
    return STATUS_OK;
}

enum status file_exists(const char *path, bool *exists)
{
    struct stat file;
    *exists = stat(path, &file) == 0;
    int error = errno;
    if (*exists && !S_ISREG(file.st_mode))
        FAIL(STATUS_USAGE, "%s is %s; expected the name of a file", path,
             S_ISDIR(file.st_mode) ? "a folder" : "not a regular file");
    if (*exists)
        return STATUS_OK;
    if (error == ENOENT && lstat(path, &file) != 0)
        return check_new(path);
    if (error == ENOENT)
        FAIL(STATUS_RESULTS, "%s is a link to a file that is not there; remove it, or name that file", path);
    if (is_of_path(error))
        FAIL(STATUS_RESULTS, "%s: %s", path, strerror(error));
    FAIL(STATUS_MACHINE,
         "cannot check whether %s exists: %s; run the same command again when the file system responds", path,
         strerror(error));
}

bool file_is_at(int fd, const char *path)
{
    struct stat ours, named;
    if (fstat(fd, &ours) != 0 || stat(path, &named) != 0)
        return false;
    errno = 0;
    return ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

// Syncs the file or folder at `path`. A failure is reported for `file`.
static enum status sync_path(const char *path, int flags, const char *file, const char *what)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0)
        return file_write_failure(file, what, errno);
    int error = fsync(fd) == 0 || errno == EINVAL ? 0 : errno; // some file systems cannot sync a directory
    close(fd);
    return error ? file_write_failure(file, what, error) : STATUS_OK;
}

enum status file_rename(const char *part, const char *path, const char *what)
{
    char *copy = memory_text(path);
    enum status status = sync_path(part, 0, part, what);
    if (status == STATUS_OK && rename(part, path) != 0)
        status = file_write_failure(path, what, errno);
    if (status == STATUS_OK)
        status = sync_path(dirname(copy), O_DIRECTORY, path, what);
    free(copy);
    return status;
}

// Whether the file may be the new results file of a killed command: its first page is not written yet, or has
// HDF5's signature and our root attributes, not an archive's, and no run has written a checkpoint. errno is
// 0, or the error of a read.
static bool is_leftover(int fd)
{
    static const char signature[] = "\211HDF\r\n\032\n", marker[] = LAYOUT_SCHEMA_VERSION,
                      archive[] = LAYOUT_ARCHIVE, no_bytes[PAGE];
    char page[PAGE] = "";
    errno = 0;
    ssize_t length = pread(fd, page, PAGE, 0);
    bool leftover =
        memcmp(page, no_bytes, PAGE) == 0 ||
        (memcmp(page, signature, sizeof signature - 1) == 0 && memmem(page, PAGE, marker, sizeof marker) &&
         !memmem(page, PAGE, archive, sizeof archive));
    for (off_t at = PAGE; leftover && length > 0; at += PAGE) {
        length = pread(fd, page, sizeof SLOT_MAGIC, at);
        leftover = memcmp(page, SLOT_MAGIC, sizeof SLOT_MAGIC - 1) != 0;
    }
    return leftover && length == 0;
}

enum status file_remove_leftover(const char *path)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); // a FIFO has no writer to wait for
    if (fd < 0 && (errno == ENOENT || errno == ENAMETOOLONG))
        return STATUS_OK;
    bool removed = fd >= 0 && is_leftover(fd) && unlink(path) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (!removed && error == EIO)
        FAIL(STATUS_MACHINE, "cannot read %s: %s; run the same command again when the file system responds",
             path, strerror(error));
    if (!removed)
        FAIL(STATUS_USAGE,
             "%s exists already and is not an unfinished results file of weightsweep; move it away, or give "
             "another name with -o",
             path);
    return STATUS_OK;
}

enum status file_create(const char *path, const char *what,
                        enum status (*make)(const char *part, const void *context), const void *context)
{
    char *part = memory_format("%s.part", path);
    enum status status = file_remove_leftover(part);
    if (status == STATUS_OK) {
        status = make(part, context);
        if (status == STATUS_OK)
            status = file_rename(part, path, what);
        if (status != STATUS_OK)
            unlink(part);
    }
    free(part);
    return status;
}
