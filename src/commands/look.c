#include "commands/look.h"

#include "base/memory.h"
#include "base/text.h"
#include "commands/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const double patience = 5; // seconds from one sign of life to the next
static const double start_patience =
    30; // to the first: a cluster's file system may take its time with our libraries

static const double listen_seconds = 0.1;

// ---- the child: `weightsweep look [--all] FILE` ----

static void sign_of_life(void)
{
    ssize_t ignored = write(STDOUT_FILENO, "", 1);
    (void)ignored;
}

enum status command_look(const struct command *command, int argc, char **argv)
{
    (void)command;
    bool all = argc == 3 && strcmp(argv[1], "--all") == 0;
    if (argc != 2 + all)
        FAIL(STATUS_USAGE, "look: expected a results file");
    prctl(PR_SET_PDEATHSIG, SIGKILL); // it ends with the process that waits for it
    return store_look(argv[argc - 1], all, sign_of_life);
}

// ---- the parent ----

extern char **environ;

// This process's environment, but a library that starts threads when it is loaded starts none.
static const char **child_environment(void)
{
    static const char *const quiet[] = {"OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1"};
    enum { QUIET = sizeof quiet / sizeof *quiet };
    size_t count = 0;
    while (environ[count])
        count++;
    const char **variables = memory_small((count + QUIET + 1) * sizeof *variables);
    memcpy(variables, quiet, sizeof quiet); // first: getenv takes the first of two
    memcpy(variables + QUIET, environ, count * sizeof *variables);
    return variables;
}

// The child writes signs of life and its message to `fd`; a terminal's or a launcher's signals to our group are not for it.
static int spawn(const char *path, enum look what, int fd, pid_t *child)
{
    const char *const arguments[] = {"weightsweep", "look", what == LOOK_ALL ? "--all" : path,
                                     what == LOOK_ALL ? path : NULL, NULL};
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

// Gathers the child's message until it closes the pipe. False if it was silent for too long, counted in looks at the pipe rather than
// by the clock: both may have been stopped meanwhile (Ctrl-Z, a suspended job), and nothing is wrong with the file then.
static bool listen_to(int fd, struct text *message)
{
    for (double left = start_patience; left > 0;) {
        char bytes[4096];
        struct pollfd pipe = {.fd = fd, .events = POLLIN};
        int ready = poll(&pipe, 1, (int)(listen_seconds * 1e3));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0) {
            left -= listen_seconds;
            continue;
        }
        ssize_t length = ready > 0 ? read(fd, bytes, sizeof bytes) : -1;
        if (length == 0)
            return true;
        if (length < 0)
            return false;
        for (ssize_t i = 0; i < length; i++)
            if (bytes[i]) // else a sign of life
                text_add_bytes(message, &bytes[i], 1);
        left = patience;
    }
    return false;
}

static const char look_elsewhere[] =
    "it is damaged, or its file system is; go back to a copy of it, or give the "
    "sweep a new file with -o";

static enum status judge(const char *path, int result, struct text *message)
{
    if (WIFSIGNALED(result))
        FAIL(STATUS_RESULTS, "%s: reading it ended with signal %d (%s): %s", path, WTERMSIG(result),
             strsignal(WTERMSIG(result)), look_elsewhere);
    enum status status = (enum status)WEXITSTATUS(result);
    if (status == STATUS_OK)
        return STATUS_OK;
    if (message->length > 0 && message->chars[message->length - 1] == '\n')
        message->chars[message->length - 1] = '\0';
    if (status != STATUS_RESULTS && status != STATUS_MACHINE)
        status = STATUS_INTERNAL;
    FAIL(status, "%s", message->length > 0 ? message->chars : "the look at the results file failed");
}

enum status look_at(const char *path, enum look what)
{
    int ends[2], result;
    pid_t child;
    struct text message = {0};
    enum status status = STATUS_OK;
    if (pipe2(ends, O_CLOEXEC) != 0)
        FAIL(STATUS_MACHINE, "%s cannot be looked at: %s", path, strerror(errno));
    int error = spawn(path, what, ends[1], &child);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        FAIL(STATUS_MACHINE, "%s cannot be looked at: no process could be started: %s", path,
             strerror(error));
    }
    bool answered = listen_to(ends[0], &message);
    if (!answered)
        kill(child, SIGKILL);
    close(ends[0]);
    if (answered)
        while (waitpid(child, &result, 0) < 0 && errno == EINTR)
            continue;
    else // not for long: what waits for a dead file system cannot even be killed
        for (int tries = 0; tries < 100 && waitpid(child, &result, WNOHANG) == 0; tries++)
            usleep(10000);
    if (!answered)
        status = status_fail(STATUS_RESULTS, __FILE__, __LINE__,
                             "%s: reading it gave no answer for %.0f s: %s", path, patience, look_elsewhere);
    else
        status = judge(path, result, &message);
    text_free(&message);
    return status;
}

enum status look_open(const char *path, enum look what, struct store_view **view)
{
    TRY(look_at(path, what));
    return store_view_open(path, view);
}
