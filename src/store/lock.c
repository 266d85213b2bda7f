// The writer's lock: RESULTS.h5.lock, kept open with an OFD lock (fcntl, whole file), which ends with the
// process. The results file itself is not locked: that would block readers, and a rename would lose the lock.
// POSIX process locks end when any descriptor of the file is closed, and NFS turns flock into such a lock.
// OFD locks work across the nodes of NFS and of Lustre mounted with `flock`. On a file system without locks
// only the text in the file counts: the lock is held if its pid is alive on this host; processes of other
// hosts are not detected.
//
// A rank whose mpirun was killed ends by itself within seconds. The next job waits for such a rank, which is
// detected by its changed parent process, instead of being refused.
#include "base/clock.h"
#include "base/memory.h"
#include "store/file.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct holder {
    char host[256], job[64], since[32];
    long pid, parent;
};

static const double dying_seconds = 10; // maximum wait for a rank that has lost its mpirun

// The lock is beside the file itself, not beside a link to it.
static char *lock_path(const char *path)
{
    char *real = realpath(path, NULL); // NULL if the file does not exist yet
    char *name = memory_format("%s.lock", real ? real : path);
    free(real);
    return name;
}

static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

static void describe_self(struct holder *holder)
{
    *holder = (struct holder){.pid = (long)getpid(), .parent = (long)getppid()};
    gethostname(holder->host, sizeof holder->host - 1);
    const char *job = getenv("SLURM_JOB_ID");
    snprintf(holder->job, sizeof holder->job, "%s", job && *job ? job : "-");
    clock_date(holder->since);
}

// False if the holder has not written its text yet.
static bool read_holder(int fd, struct holder *holder)
{
    char text[512] = "";
    ssize_t length = pread(fd, text, sizeof text - 1, 0);
    *holder = (struct holder){0};
    return length > 0 && sscanf(text, "host %255s\npid %ld\njob %63s\nsince %31s\nparent %ld", holder->host,
                                &holder->pid, holder->job, holder->since, &holder->parent) >= 4;
}

static enum status write_holder(int fd, const char *path)
{
    struct holder self;
    describe_self(&self);
    char *text = memory_format("host %s\npid %ld\njob %s\nsince %s\nparent %ld\n", self.host, self.pid,
                               self.job, self.since, self.parent);
    size_t length = strlen(text);
    bool written = ftruncate(fd, 0) == 0 && pwrite(fd, text, length, 0) == (ssize_t)length;
    int error = errno;
    free(text);
    if (!written)
        FAIL(STATUS_MACHINE, "%s.lock cannot be written: %s", path, strerror(error));
    return STATUS_OK;
}

static bool alive_here(const struct holder *holder)
{
    struct holder self;
    describe_self(&self);
    return strcmp(holder->host, self.host) == 0 && holder->pid != self.pid &&
           (kill((pid_t)holder->pid, 0) == 0 || errno == EPERM);
}

static long parent_of(long pid)
{
    char name[64], text[512] = "";
    long parent = 0;
    snprintf(name, sizeof name, "/proc/%ld/stat", pid);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const char *end =
        read(fd, text, sizeof text - 1) > 0 ? strrchr(text, ')') : NULL; // end of the command's name
    close(fd);
    return end && sscanf(end, ") %*c %ld", &parent) == 1 ? parent : 0;
}

static bool dying(int fd)
{
    struct holder holder;
    return read_holder(fd, &holder) && holder.parent > 0 && alive_here(&holder) &&
           parent_of(holder.pid) != holder.parent;
}

static enum status refuse(const char *path, int fd)
{
    struct holder holder;
    if (!read_holder(fd, &holder))
        FAIL(STATUS_RESULTS, "%s is being written by another process; wait for it, or end it", path);
    bool job = strcmp(holder.job, "-") != 0;
    FAIL(STATUS_RESULTS, "%s is being written by pid %ld on %s%s%s%s since %s; wait for it, or end it", path,
         holder.pid, holder.host, job ? " (job " : "", job ? holder.job : "", job ? ")" : "", holder.since);
}

// Locks the open file. On a file system without locks: succeeds unless a live process of this host holds the
// lock.
static enum status try_lock(int fd, const char *path)
{
    struct flock whole = whole_file();
    struct holder holder;
    if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
        return STATUS_OK;
    if (errno == EAGAIN || errno == EACCES)
        return refuse(path, fd);
    if (errno != ENOSYS && errno != ENOLCK && errno != EOPNOTSUPP)
        FAIL(STATUS_MACHINE, "%s.lock cannot be locked: %s", path, strerror(errno));
    return read_holder(fd, &holder) && alive_here(&holder) ? refuse(path, fd) : STATUS_OK;
}

// Errors of the path are permanent: STATUS_USAGE or STATUS_RESULTS. All others are STATUS_MACHINE.
static enum status refuse_path(const char *path, const char *name, int error)
{
    bool permanent =
        error == ENOTDIR || error == EISDIR || error == EACCES || error == EPERM || error == EROFS;
    if (error == ENAMETOOLONG)
        FAIL(STATUS_USAGE,
             "%s: the name is too long: its lock is NAME.lock, beside it; give a shorter name with -o", path);
    if (error == ENOENT)
        FAIL(STATUS_RESULTS, "%s: its folder is not there; create it, or give another name with -o", path);
    if (permanent)
        FAIL(STATUS_RESULTS, "%s: no lock can be made beside it: %s", path, strerror(error));
    FAIL(STATUS_MACHINE, "%s cannot be opened: %s", name, strerror(error));
}

static enum status acquire(const char *path, const char *name, int *lock)
{
    double begun = clock_seconds();
    for (;;) {
        *lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (*lock < 0)
            return refuse_path(path, name, errno);
        enum status status = try_lock(*lock, path);
        if (status == STATUS_OK && file_is_at(*lock, name)) // the previous holder removes the file
            return write_holder(*lock, path);
        bool wait = status == STATUS_RESULTS && clock_seconds() - begun < dying_seconds && dying(*lock);
        close(*lock); // refused; or the file was removed between open and lock
        *lock = -1;
        if (wait)
            usleep(50000);
        else if (status != STATUS_OK)
            return status;
    }
}

enum status store_lock_acquire(const char *path, int *lock)
{
    *lock = -1;
    char *name = lock_path(path);
    enum status status = acquire(path, name, lock);
    free(name);
    if (status != STATUS_OK && *lock >= 0)
        store_lock_release(path, lock);
    return status;
}

void store_lock_release(const char *path, int *lock)
{
    if (*lock < 0)
        return;
    char *name = lock_path(path);
    if (file_is_at(*lock, name))
        unlink(
            name); // before the lock ends: a process that has opened the file then sees that it was removed
    close(*lock);
    free(name);
    *lock = -1;
}

bool store_lock_held(const char *path)
{
    char *name = lock_path(path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    free(name);
    if (fd < 0)
        return false;
    struct flock whole = whole_file();
    struct holder holder;
    bool held;
    if (fcntl(fd, F_OFD_GETLK, &whole) == 0)
        held = whole.l_type != F_UNLCK;
    else
        held = read_holder(fd, &holder) && alive_here(&holder);
    close(fd);
    return held;
}
