/* How a function says that it failed.
 *
 * Every fallible function returns an enum status; results leave through out-parameters. The message is
 * recorded once, where the failure arises (FAIL), and callers only pass the status on (TRY). Nothing here
 * prints: main.c does, and turns the status into the exit code. The record is one per process and is not
 * thread-safe. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_INTERNAL = 1,     // a broken invariant of our own
    STATUS_USAGE = 2,        // bad command line or sweep file
    STATUS_RESULTS = 3,      // the results file cannot be used: not ours, another sweep's, damaged, in use
    STATUS_MACHINE = 4,      // stopped by the machine: disk full, I/O error, no memory at start
    STATUS_RUNS = 5,         // finished, but some runs diverged or failed
    STATUS_MEMORY = 6,       // memory that cannot be had; a run that meets it becomes a `failed` row
    STATUS_INTERRUPTED = 75, // stopped by a signal or the time limit, everything saved
};

/* The process exit code of a status (the contract's: 0 2 3 4 5 75). */
int status_exit_code(enum status status);

/* Records the message of a failure and returns `status`. A later failure replaces the record. */
enum status status_fail(enum status status, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The recorded message, without a trailing newline; "" if nothing was recorded. Valid until the next failure.
 */
const char *status_message(void);

/* "file.c:123" of the place that recorded the message, for debugging. */
const char *status_place(void);

#define FAIL(status, ...) return status_fail((status), __FILE__, __LINE__, __VA_ARGS__)

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum status try_status_ = (call);                                                                    \
        if (try_status_ != STATUS_OK)                                                                        \
            return try_status_;                                                                              \
    } while (0)

/* The same where resources are held: sets the local `status` and jumps to the local label `done`. */
#define FAIL_DONE(code, ...)                                                                                 \
    do {                                                                                                     \
        status = status_fail((code), __FILE__, __LINE__, __VA_ARGS__);                                       \
        goto done;                                                                                           \
    } while (0)

#define TRY_DONE(call)                                                                                       \
    do {                                                                                                     \
        status = (call);                                                                                     \
        if (status != STATUS_OK)                                                                             \
            goto done;                                                                                       \
    } while (0)

#endif
