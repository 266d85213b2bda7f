// The writer's lock: RESULTS.h5.lock, kept open with an OFD lock (fcntl, whole file), which ends with the
// process. The results file itself is not locked: that would block readers, and a rename would lose the lock.
// POSIX process locks end when any descriptor of the file is closed, and NFS turns flock into such a lock.
// OFD locks work across the nodes of NFS and of Lustre mounted with `flock`. On a file system without locks
// only the text in the file counts: the lock is held if its pid is alive on this host; processes of other
// hosts are not detected.
//
// A rank whose mpirun was killed ends by itself within seconds. The next job waits for such a rank instead of
// being refused. Such a rank has another parent process than the one in its lock.
//
// While the holder creates files under temporary names, the lock lists those names that were free when it was
// acquired. After a kill, files of these names are the holder's, and the next holder removes them.
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
#include <sys/stat.h>
#include <unistd.h>

struct holder {
    char host[256], job[64], since[32];
    long pid, parent;
    unsigned free_names; // bit i: endings[i]
};

static const char *const endings[] = {".part", ".grown", ".grown.part"};

static const double dying_seconds = 10; // maximum wait for a rank that has lost its mpirun

// The lock is beside the file itself, not beside a link to it.
static char *lock_path(const char *path)
{
    char *real = realpath(path, NULL); // NULL if the file does not exist yet
    char *name = memory_format("%s.lock", real ? real : path);
    free(real);
    return name;
}

// *found is false if the file is empty, or zero after a power cut.
static enum status read_holder(int fd, const char *path, struct holder *holder, bool *found)
{
    char text[512] = "";
    *holder = (struct holder){0};
    *found =
        pread(fd, text, sizeof text - 1, 0) > 0 &&
        sscanf(text, "host %255s\npid %ld\njob %63s\nsince %31s\nparent %ld\nfree names %x", holder->host,
               &holder->pid, holder->job, holder->since, &holder->parent, &holder->free_names) >= 4;
    if (!*found && *text)
        FAIL(STATUS_USAGE,
             "%s.lock exists already and is not a lock of weightsweep; move it away, or give another name "
             "with -o",
             path);
    return STATUS_OK;
}

static enum status write_holder(int fd, const char *path, unsigned free_names)
{
    char host[256] = "", since[32], text[512];
    const char *job = getenv("SLURM_JOB_ID");
    gethostname(host, sizeof host - 1);
    clock_date(since);
    snprintf(text, sizeof text, "host %s\npid %ld\njob %.63s\nsince %s\nparent %ld\nfree names %x\n", host,
             (long)getpid(), job && *job ? job : "-", since, (long)getppid(), free_names);
    if (ftruncate(fd, 0) != 0)
        return file_write_failure(path, "its lock", errno);
    TRY(file_write(fd, path, "its lock", text, strlen(text), 0));
    return file_sync(fd, path, "its lock");
}

static bool is_alive_here(const struct holder *holder)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    return strcmp(holder->host, host) == 0 && holder->pid != (long)getpid() &&
           (kill((pid_t)holder->pid, 0) == 0 || errno == EPERM);
}

// The parent of a process; 0 if unknown.
static long parent_of(long pid)
{
    char name[64];
    long parent = 0;
    snprintf(name, sizeof name, "/proc/%ld/stat", pid);
    FILE *file = fopen(name, "re");
    if (!file || fscanf(file, "%*d (%*[^)]) %*c %ld", &parent) != 1)
        parent = 0;
    if (file)
        fclose(file);
    return parent;
}

static enum status refuse(const char *path, const struct holder *holder)
{
    bool job = strcmp(holder->job, "-") != 0;
    if (holder->pid == 0)
        FAIL(STATUS_RESULTS, "%s is being written by another process; wait for it, or end it", path);
    FAIL(STATUS_RESULTS, "%s is being written by pid %ld on %s%s%s%s since %s; wait for it, or end it", path,
         holder->pid, holder->host, job ? " (job " : "", job ? holder->job : "", job ? ")" : "",
         holder->since);
}

// Locks the open file and reads its previous holder. STATUS_RESULTS if another process holds the lock;
// *dying: that process has lost its parent.
static enum status try_lock(int fd, const char *path, struct holder *holder, bool *dying)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool found, free = fcntl(fd, F_OFD_SETLK, &whole) == 0;
    bool held = !free && (errno == EAGAIN || errno == EACCES);
    if (!free && !held && errno != ENOSYS && errno != ENOLCK && errno != EOPNOTSUPP)
        FAIL(STATUS_MACHINE, "%s.lock cannot be locked: %s", path, strerror(errno));
    TRY(read_holder(fd, path, holder, &found));
    bool alive = found && !free && is_alive_here(holder);
    *dying = alive && holder->parent > 0 && parent_of(holder->pid) != holder->parent;
    return held || alive ? refuse(path, holder) : STATUS_OK;
}

// Removes the unfinished files of the previous holder and lists the free names in the lock.
static enum status begin(int fd, const char *path, unsigned unfinished)
{
    struct stat file;
    unsigned free_names = 0;
    for (unsigned i = 0; i < sizeof endings / sizeof *endings; i++) {
        char *name = memory_format("%s%s", path, endings[i]);
        if (unfinished >> i & 1)
            unlink(name);
        free_names |= lstat(name, &file) != 0 && errno == ENOENT ? 1U << i : 0;
        free(name);
    }
    return write_holder(fd, path, free_names);
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
    if (!permanent)
        return file_write_failure(path, "its lock", error);
    FAIL(STATUS_RESULTS, "%s: cannot create %s: %s; make the folder writable, or give another name with -o",
         path, name, strerror(error));
}

enum status store_lock_acquire(const char *path, int *lock)
{
    enum status status;
    struct holder previous;
    char *name = lock_path(path);
    double begun = clock_seconds();
    for (;;) {
        bool dying = false;
        *lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        status = *lock < 0 ? refuse_path(path, name, errno) : try_lock(*lock, path, &previous, &dying);
        if (*lock < 0 || (status == STATUS_OK && file_is_at(*lock, name))) // the previous holder removes it
            break;
        close(*lock);
        *lock = -1;
        if (status != STATUS_OK && !(dying && clock_seconds() - begun < dying_seconds))
            break;
        usleep(dying ? 50000 : 0);
    }
    name[strlen(name) - strlen(".lock")] = '\0';
    if (status == STATUS_OK && (status = begin(*lock, name, previous.free_names)) != STATUS_OK)
        store_lock_release(path, lock);
    free(name);
    return status;
}

enum status store_lock_created(const char *path, int lock)
{
    return write_holder(lock, path, 0);
}

void store_lock_release(const char *path, int *lock)
{
    if (*lock < 0)
        return;
    char *name = lock_path(path);
    // The name is removed before the lock ends, so that a process that has opened it sees the removal.
    if (file_is_at(*lock, name))
        unlink(name);
    close(*lock);
    free(name);
    *lock = -1;
}

bool store_lock_held(const char *path)
{
    char *name = lock_path(path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct holder holder;
    bool found = false, held = false;
    if (fd >= 0) {
        held = fcntl(fd, F_OFD_GETLK, &whole) == 0
                   ? whole.l_type != F_UNLCK
                   : read_holder(fd, path, &holder, &found) == STATUS_OK && found && is_alive_here(&holder);
        close(fd);
    }
    free(name);
    return held;
}
