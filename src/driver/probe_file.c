#include "driver/probe_file.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const double timeout = 60;       // maximum seconds between two heartbeats
static const double max_processor = 5;  // maximum seconds of processor time between two heartbeats
static const double poll_seconds = 0.1; // timeout of one poll

extern char **environ;

// Returns this process's environment, with variables that keep libraries from starting threads when they are
// loaded. The caller frees the array.
static const char **child_environment(void)
{
    static const char *const quiet[] = {"OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1"};
    enum { QUIET = sizeof quiet / sizeof *quiet };
    size_t count = 0;
    while (environ[count])
        count++;
    const char **variables = memory_small((count + QUIET + 1) * sizeof *variables);
    memcpy(variables, quiet, sizeof quiet); // in front, because getenv returns the first match
    memcpy(variables + QUIET, environ, count * sizeof *variables);
    return variables;
}

// The child writes heartbeats and its message to `fd`. Signals that a terminal or a launcher sends to the
// parent's process group do not reach the child.
static int spawn(const char *path, enum probe what, int fd, pid_t *child)
{
    static const char *const options[] = {[PROBE_ALL] = "--all", [PROBE_OUTPUT] = "--output"};
    const char *option = options[what];
    const char *const arguments[] = {"weightsweep", "look", option ? option : path, option ? path : NULL,
                                     NULL};
    const char **variables = child_environment();
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fd, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    int error = posix_spawn(child, "/proc/self/exe", &actions, &attributes, (char *const *)arguments,
                            (char *const *)variables);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(variables);
    return error;
}

// Seconds of processor time that the child has used.
static double processor_seconds(pid_t child)
{
    clockid_t clock;
    struct timespec used = {0};
    if (clock_getcpuclockid(child, &clock) == 0)
        clock_gettime(clock, &used);
    return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

// Receives the child's message until the child closes the pipe. Returns false after `max_processor` without a
// heartbeat (*endless is true: damaged metadata caused an endless loop), or after `timeout` without a
// heartbeat and without use of the processor (the child waits for the file system). On a busy machine a child
// that computes is slow. The function counts polls instead of reading the clock, because parent and child may
// both have been stopped (Ctrl-Z, a suspended job).
static bool receive_message(int fd, pid_t child, struct text *message, bool *endless)
{
    double at_heartbeat = processor_seconds(child), used = at_heartbeat;
    *endless = false;
    for (double left = timeout; left > 0;) {
        char bytes[4096];
        struct pollfd pipe = {.fd = fd, .events = POLLIN};
        int ready = poll(&pipe, 1, (int)(poll_seconds * 1e3));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0) {
            double before = used;
            used = processor_seconds(child);
            *endless = used - at_heartbeat > max_processor;
            if (*endless)
                return false;
            left = used > before ? timeout : left - poll_seconds;
            continue;
        }
        ssize_t length = ready > 0 ? read(fd, bytes, sizeof bytes) : -1;
        if (length <= 0)
            return length == 0;
        for (ssize_t i = 0; i < length; i++)
            if (bytes[i]) // not a heartbeat
                text_add_bytes(message, &bytes[i], 1);
        left = timeout;
        at_heartbeat = processor_seconds(child);
    }
    return false;
}

static const char advice[] = "it is damaged; go back to a copy of it, or give the sweep a new file with -o";

static enum status fail_timeout(const char *path)
{
    FAIL(STATUS_MACHINE,
         "%s: its file system has not responded for %.0f s; run the same command again when the file system "
         "responds",
         path, timeout);
}

static enum status fail_endless(const char *path)
{
    FAIL(STATUS_RESULTS, "%s: HDF5 computes without end while reading it: %s", path, advice);
}

// Turns the child's exit into a status of this process.
static enum status classify_exit(const char *path, int result, struct text *message)
{
    if (WIFSIGNALED(result))
        FAIL(STATUS_RESULTS, "%s: reading it ended with signal %d (%s): %s", path, WTERMSIG(result),
             strsignal(WTERMSIG(result)), advice);
    enum status status = (enum status)WEXITSTATUS(result);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (message->length > 0 && message->chars[message->length - 1] == '\n')
        message->chars[message->length - 1] = '\0';
    if (status != STATUS_RESULTS && status != STATUS_MACHINE && status != STATUS_USAGE)
        status = STATUS_INTERNAL;
    FAIL(status, "%s", message->length > 0 ? message->chars : "the probe of the results file failed");
}

enum status probe_file(const char *path, enum probe what)
{
    int ends[2], result;
    pid_t child;
    struct text message = {0};
    enum status status = STATUS_OK;
    if (pipe2(ends, O_CLOEXEC) != 0)
        FAIL(STATUS_MACHINE, "cannot probe %s: %s", path, strerror(errno));
    int error = spawn(path, what, ends[1], &child);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        FAIL(STATUS_MACHINE, "cannot probe %s: cannot start a process: %s", path, strerror(error));
    }
    bool endless, exited = receive_message(ends[0], child, &message, &endless);
    if (!exited)
        kill(child, SIGKILL);
    close(ends[0]);
    if (exited)
        while (waitpid(child, &result, 0) < 0 && errno == EINTR)
            continue;
    else // at most 1 s: a process that waits for a dead file system cannot be killed
        for (int tries = 0; tries < 100 && waitpid(child, &result, WNOHANG) == 0; tries++)
            usleep(10000);
    status = exited    ? classify_exit(path, result, &message)
             : endless ? fail_endless(path)
                       : fail_timeout(path);
    text_free(&message);
    return status;
}

// ---- watchdog of the parent's own reads ----

static char *watched; // path
static atomic_bool is_reading;
static atomic_ulong heartbeats;

static void count_heartbeat(bool reading)
{
    is_reading = reading;
    heartbeats++;
}

// The watchdog is a thread, because no signal handler runs while a process waits for a network file system.
static void *watch(void *unused)
{
    (void)unused;
    unsigned long last = 0;
    for (double left = timeout; left > 0; left -= poll_seconds) {
        poll(NULL, 0, (int)(poll_seconds * 1e3));
        if (!is_reading || heartbeats != last)
            left = timeout;
        last = heartbeats;
    }
    struct text message = {0};
    enum status status = fail_timeout(watched);
    text_add_visible_lines(&message, status_message());
    fprintf(stderr, "%s\n", message.chars);
    _exit(status_exit_code(status));
}

static void start_watch(const char *path)
{
    sigset_t all, before;
    pthread_t thread;
    bool started = watched != NULL;
    free(watched);
    watched = memory_text(path);
    if (started)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); // only the reading thread handles signals
    if (pthread_create(&thread, NULL, watch, NULL) == 0)
        store_set_heartbeat(count_heartbeat);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

enum status probe_file_before(const char *path, enum probe what)
{
    TRY(probe_file(path, what));
    start_watch(path);
    return STATUS_OK;
}

enum status probe_file_view(const char *path, struct store_view **view)
{
    static const char *const names[] = {"steps", "steps_done", "flops_per_step"};
    static const enum column_type types[] = {COLUMN_INT, COLUMN_INT, COLUMN_REAL};
    TRY(store_view_open(path, view));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct column *column = column_find(&(*view)->columns, names[i]);
        if (column && column->type == types[i])
            continue;
        store_view_close(view);
        FAIL(STATUS_RESULTS,
             "%s is damaged: it has no column `%s` of %s, which every results file has; go back to a copy of "
             "it",
             path, names[i], types[i] == COLUMN_INT ? "integers" : "reals");
    }
    return STATUS_OK;
}

enum status probe_file_open(const char *path, enum probe what, struct store_view **view)
{
    TRY(probe_file_before(path, what));
    return probe_file_view(path, view);
}
