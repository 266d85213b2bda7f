#include "store/file.h"

#include "base/hash.h"
#include "base/memory.h"
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
    if (error == ENOSPC || error == EDQUOT)
        FAIL(STATUS_MACHINE, "%s: %s while writing %s; free space and run the same command again", path,
             error == ENOSPC ? "disk full" : "quota exceeded", what);
    if (error == EFBIG)
        FAIL(STATUS_MACHINE,
             "%s: cannot write %s: %s; raise the limit of file sizes (`ulimit -f`, or the file system's) and "
             "run the same command again",
             path, what, strerror(error));
    FAIL(STATUS_MACHINE, "%s: cannot write %s: %s; once the disk can be written, run the same command again",
         path, what, strerror(error));
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

static enum status refuse_open(const char *path, int error)
{
    if (error == ENOENT)
        FAIL(STATUS_RESULTS, "%s: no such file; `weightsweep run SWEEP.yaml -o %s` creates it", path, path);
    if (is_of_path(error))
        FAIL(STATUS_RESULTS, "%s cannot be opened: %s", path, strerror(error));
    FAIL(STATUS_MACHINE, "cannot open %s: %s; run the same command again when the file system responds", path,
         strerror(error));
}

enum status file_open(const char *path, int flags, int *fd)
{
    struct stat file;
    *fd = open(path, flags | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &file) != 0)
        return refuse_open(path, errno);
    if (S_ISDIR(file.st_mode))
        FAIL(STATUS_RESULTS, "%s is a folder; expected a results file", path);
    return STATUS_OK;
}

enum status file_exists(const char *path, bool *exists)
{
    struct stat file;
    *exists = stat(path, &file) == 0;
    int error = errno;
    if (*exists && S_ISDIR(file.st_mode))
        FAIL(STATUS_USAGE, "%s is a folder; expected the name of a file", path);
    if (*exists || (error == ENOENT && lstat(path, &file) != 0))
        return STATUS_OK;
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
    enum status status = STATUS_OK;
    char *copy = memory_text(path);
    TRY_DONE(sync_path(part, 0, part, what));
    if (rename(part, path) != 0)
        TRY_DONE(file_write_failure(path, what, errno));
    TRY_DONE(sync_path(dirname(copy), O_DIRECTORY, path, what));
done:
    free(copy);
    return status;
}

// Whether the file may be the unfinished results file of a killed command: its first page is not written yet,
// or has HDF5's signature and the name of our root attribute.
static bool is_leftover(int fd)
{
    static const char signature[] = "\211HDF\r\n\032\n", marker[] = LAYOUT_SCHEMA_VERSION, no_bytes[PAGE];
    char page[PAGE] = "";
    return pread(fd, page, sizeof page, 0) >= 0 &&
           (memcmp(page, no_bytes, sizeof page) == 0 || (memcmp(page, signature, sizeof signature - 1) == 0 &&
                                                         memmem(page, PAGE, marker, strlen(marker))));
}

enum status file_remove_leftover(const char *path)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return STATUS_OK;
    bool removed = fd >= 0 && is_leftover(fd) && unlink(path) == 0;
    if (fd >= 0)
        close(fd);
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
    char *copy = memory_text(path), *part = memory_format("%s.part", path);
    struct stat file;
    enum status status = STATUS_OK;
    if (stat(dirname(copy), &file) != 0 && (errno == ENOENT || errno == ENOTDIR))
        FAIL_DONE(STATUS_USAGE, "%s: its folder is not there; create it, or give another name with -o", path);
    if (lstat(part, &file) != 0 && errno == ENAMETOOLONG)
        FAIL_DONE(STATUS_USAGE,
                  "%s: the name is too long: the file is written as NAME.part first; give a shorter "
                  "name with -o",
                  path);
    TRY_DONE(file_remove_leftover(part));
    status = make(part, context);
    if (status == STATUS_OK)
        status = file_rename(part, path, what);
    if (status != STATUS_OK)
        unlink(part);
done:
    free(part);
    free(copy);
    return status;
}
