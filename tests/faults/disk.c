// clang-format off
/* A library for LD_PRELOAD that makes file operations fail in tests. Calls that read or change the results
 * file, its .part, its .grown or their folder fail as the variables below say. Successful changes are
 * recorded, so that tests can replay them up to a power cut.
 *
 * DISK_FILE    absolute path of the file, without symbolic links; other files are not affected
 * DISK_ERROR   ENOSPC, EROFS or EIO: errno of the calls that fail; HANG: they sleep for ever; SPIN: they
 *              compute for ever; SLOW: they take 10 ms longer and succeed; unset: no call fails
 * DISK_HASTE   divides the timeouts of poll, so that a timeout of a minute passes in seconds
 * DISK_CALLS   the calls that count: some of `write sync truncate allocate rename` (default: all five), or
 *              `read`, or `look` (stat and access)
 * DISK_ON      `part`, `grown`, `file` or `folder`: only calls on this one count
 * DISK_FROM, DISK_TO   only reads and writes that touch these bytes of the file count
 * DISK_NTH     number of the first counted call per process that fails (default 1)
 * DISK_TIMES   number of calls that fail (default: all after the first)
 * DISK_RANK    rank in which calls fail (default: all ranks)
 * DISK_TRACE   file to which all processes append records (struct record); without it syncs return at once,
 *              since no test cuts the power of the machine itself */
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { HANG = 10000, SPIN, SLOW }; // beside the values of errno

enum target { OTHER, PART, GROWN, FILE_ITSELF, FOLDER };

/* A record of the trace, in native byte order; the bytes of a write follow it. */
struct record {
    // w: wrote, t: truncated to `length`, r: renamed, s and S: a sync begins and has succeeded; of the file
    // itself also o: opened, i: asked for its state (stat), k: locked
    char kind;
    int32_t pid;
    int64_t offset, length; // bytes
};

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static int64_t number(const char *name, int64_t otherwise)
{
    const char *value = setting(name);
    return value ? strtoll(value, NULL, 10) : otherwise;
}

// ---- the file of a call ----

static enum target target_of_path(const char *path)
{
    const char *file = setting("DISK_FILE");
    if (!file)
        return OTHER;
    size_t length = strlen(file);
    if (strncmp(path, file, length) == 0) {
        const char *rest = path + length;
        if (*rest == '\0')
            return FILE_ITSELF;
        if (strcmp(rest, ".part") == 0)
            return PART;
        if (strcmp(rest, ".grown") == 0 || strcmp(rest, ".grown.part") == 0)
            return GROWN;
    }
    size_t folder = (size_t)(strrchr(file, '/') - file);
    return strlen(path) == folder && strncmp(path, file, folder) == 0 ? FOLDER : OTHER;
}

static enum target target_of(int fd)
{
    char name[64], path[PATH_MAX];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = setting("DISK_FILE") ? readlink(name, path, sizeof path - 1) : -1;
    if (length < 0)
        return OTHER;
    path[length] = '\0';
    return target_of_path(path);
}

// ---- injected failures ----

static int wanted_error(void)
{
    static const struct {
        const char *name;
        int error;
    } errors[] = {{"ENOSPC", ENOSPC}, {"EROFS", EROFS}, {"EIO", EIO},
                  {"HANG", HANG},     {"SPIN", SPIN},   {"SLOW", SLOW}};
    const char *name = setting("DISK_ERROR");
    for (size_t i = 0; name && i < sizeof errors / sizeof *errors; i++)
        if (strcmp(name, errors[i].name) == 0)
            return errors[i].error;
    return 0;
}

static bool in_this_rank(void)
{
    const char *rank = setting("OMPI_COMM_WORLD_RANK");
    int64_t wanted = number("DISK_RANK", -1);
    return wanted < 0 || wanted == (rank ? strtoll(rank, NULL, 10) : 0);
}

// True if the call fails; errno is then set.
static bool fails(const char *call, enum target target, int64_t offset, int64_t length)
{
    static const char *const names[] = {"", "part", "grown", "file", "folder"};
    static int64_t counted;
    if (target == OTHER || (setting("DISK_ON") && strcmp(setting("DISK_ON"), names[target]) != 0))
        return false;
    const char *calls = setting("DISK_CALLS");
    int error = wanted_error();
    if (!error || !in_this_rank() || !strstr(calls ? calls : "write sync truncate allocate rename", call))
        return false;
    if (setting("DISK_FROM") &&
        (offset >= number("DISK_TO", INT64_MAX) || offset + length <= number("DISK_FROM", 0)))
        return false;
    int64_t nth = number("DISK_NTH", 1), times = number("DISK_TIMES", INT64_MAX);
    counted++;
    if (counted < nth || counted - nth >= times)
        return false;
    if (error == SLOW) {
        usleep(10000);
        return false;
    }
    while (error == HANG)
        pause();
    for (volatile int spins = 0; error == SPIN;)
        spins = spins + 1;
    errno = error;
    return true;
}

// ---- the trace ----

static void note(char kind, int64_t offset, int64_t length, const struct iovec *bytes, int count)
{
    static int trace = -1;
    const char *name = setting("DISK_TRACE");
    if (!name)
        return;
    int saved = errno;
    if (trace < 0)
        trace = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    struct record record = {.kind = kind, .pid = (int32_t)getpid(), .offset = offset, .length = length};
    struct iovec parts[1 + IOV_MAX] = {{&record, sizeof record}};
    int used = 1;
    for (int64_t left = count > 0 ? length : 0; left > 0 && used <= count; used++) {
        parts[used] = bytes[used - 1];
        if ((int64_t)parts[used].iov_len > left)
            parts[used].iov_len = (size_t)left;
        left -= (int64_t)parts[used].iov_len;
    }
    if (syscall(SYS_writev, trace, parts, used) < 0)
        abort(); // an incomplete trace would prove nothing
    errno = saved;
}

// ---- replaced functions of libc ----

static bool changes(enum target target)
{
    return target == PART || target == GROWN || target == FILE_ITSELF;
}

static ssize_t put(int fd, const struct iovec *parts, int count, off_t offset)
{
    int64_t length = 0;
    for (int i = 0; i < count; i++)
        length += (int64_t)parts[i].iov_len;
    if (fails("write", target_of(fd), offset, length))
        return -1;
    ssize_t written = syscall(SYS_pwritev, fd, parts, count, offset, 0);
    if (written > 0)
        note('w', offset, written, parts, count);
    return written;
}

static ssize_t put_here(int fd, const struct iovec *parts, int count)
{
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t written = put(fd, parts, count, offset);
    if (written > 0)
        lseek(fd, offset + written, SEEK_SET);
    return written;
}

// The program never reads names from the folder.
static bool cannot_read(int fd, int64_t offset, const struct iovec *parts, int count)
{
    int64_t length = 0;
    for (int i = 0; i < count; i++)
        length += (int64_t)parts[i].iov_len;
    return fails("read", target_of(fd), offset, length);
}

ssize_t read(int fd, void *bytes, size_t length)
{
    if (cannot_read(fd, lseek(fd, 0, SEEK_CUR), &(struct iovec){bytes, length}, 1))
        return -1;
    return syscall(SYS_read, fd, bytes, length);
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
    if (cannot_read(fd, lseek(fd, 0, SEEK_CUR), parts, count))
        return -1;
    return syscall(SYS_readv, fd, parts, count);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t offset)
{
    if (cannot_read(fd, offset, &(struct iovec){bytes, length}, 1))
        return -1;
    return syscall(SYS_pread64, fd, bytes, length, offset);
}

ssize_t pread64(int fd, void *bytes, size_t length, off_t offset)
{
    return pread(fd, bytes, length, offset);
}

ssize_t preadv(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (cannot_read(fd, offset, parts, count))
        return -1;
    return syscall(SYS_preadv, fd, parts, count, offset, 0);
}

ssize_t preadv64(int fd, const struct iovec *parts, int count, off_t offset)
{
    return preadv(fd, parts, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    if (!changes(target_of(fd)))
        return syscall(SYS_write, fd, bytes, length);
    return put_here(fd, &(struct iovec){(void *)(uintptr_t)bytes, length}, 1);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (!changes(target_of(fd)))
        return syscall(SYS_writev, fd, parts, count);
    return put_here(fd, parts, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    if (!changes(target_of(fd)))
        return syscall(SYS_pwrite64, fd, bytes, length, offset);
    return put(fd, &(struct iovec){(void *)(uintptr_t)bytes, length}, 1, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset)
{
    return pwrite(fd, bytes, length, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (!changes(target_of(fd)))
        return syscall(SYS_pwritev, fd, parts, count, offset, 0);
    return put(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset)
{
    return pwritev(fd, parts, count, offset);
}

static int sync_with(long call, int fd)
{
    enum target target = target_of(fd);
    if (fails("sync", target, 0, 0))
        return -1;
    if (changes(target))
        note('s', 0, 0, NULL, 0);
    int result = setting("DISK_TRACE") ? (int)syscall(call, fd) : 0;
    if (changes(target) && result == 0)
        note('S', 0, 0, NULL, 0);
    return result;
}

int fsync(int fd)
{
    return sync_with(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_with(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t length)
{
    enum target target = target_of(fd);
    if (fails("truncate", target, 0, 0))
        return -1;
    int result = (int)syscall(SYS_ftruncate, fd, length);
    if (changes(target) && result == 0)
        note('t', 0, length, NULL, 0);
    return result;
}

int ftruncate64(int fd, off_t length)
{
    return ftruncate(fd, length);
}

// Allocated blocks read as zeros, as holes do.
int fallocate(int fd, int mode, off_t offset, off_t length)
{
    if (fails("allocate", target_of(fd), offset, length))
        return -1;
    return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

int fallocate64(int fd, int mode, off_t offset, off_t length)
{
    return fallocate(fd, mode, offset, length);
}

int poll(struct pollfd *files, nfds_t count, int timeout)
{
    int64_t haste = number("DISK_HASTE", 1);
    struct timespec limit = {.tv_nsec = timeout * INT64_C(1000000) / haste % INT64_C(1000000000),
                             .tv_sec = timeout / haste / 1000};
    return (int)syscall(SYS_ppoll, files, count, timeout < 0 ? NULL : &limit, NULL, (size_t)8);
}

static void count(char kind, enum target target)
{
    if (target == FILE_ITSELF)
        note(kind, 0, 0, NULL, 0);
}

// Returns the absolute path: `path` itself, or below the working folder.
static enum target target_of_name(const char *name)
{
    char path[PATH_MAX] = "";
    if (*name == '/' || !getcwd(path, sizeof path - 1) || strlen(path) + strlen(name) + 2 > sizeof path)
        return target_of_path(name);
    strcat(strcat(path, "/"), name);
    return target_of_path(path);
}

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    count('o', target_of_name(path));
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open(path, flags, mode);
}

int fstat(int fd, struct stat *buffer)
{
    count('i', target_of(fd));
    return (int)syscall(SYS_fstat, fd, buffer);
}

int flock(int fd, int operation)
{
    count('k', target_of(fd));
    return (int)syscall(SYS_flock, fd, operation);
}

static int control(int fd, int command, void *argument)
{
    if (command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW)
        count('k', target_of(fd));
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

int fcntl(int fd, int command, ...)
{
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return control(fd, command, argument);
}

int fcntl64(int fd, int command, ...)
{
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return control(fd, command, argument);
}

int stat(const char *path, struct stat *buffer)
{
    if (fails("look", target_of_path(path), 0, 0))
        return -1;
    count('i', target_of_name(path));
    return (int)syscall(SYS_newfstatat, AT_FDCWD, path, buffer, 0);
}

int rename(const char *from, const char *to)
{
    enum target target = target_of_path(to);
    if (fails("rename", target, 0, 0))
        return -1;
    int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (changes(target) && result == 0)
        note('r', 0, 0, NULL, 0);
    return result;
}
