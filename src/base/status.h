/* Error codes and the error message.
 *
 * Every function that can fail returns an enum status; results are out-parameters. FAIL records the message
 * once, where the error occurs; callers return the status (TRY). main.c prints the message and converts the
 * status to the exit code. The process has one message, which is not thread-safe. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_INTERNAL = 1,     // a broken invariant of this program
    STATUS_USAGE = 2,        // bad command line or sweep file
    STATUS_RESULTS = 3,      // unusable results file: foreign, of another sweep, damaged, in use
    STATUS_MACHINE = 4,      // failure of the machine: disk full, I/O error, out of memory at start
    STATUS_RUNS = 5,         // finished, but some runs diverged or failed
    STATUS_MEMORY = 6,       // out of memory; a run with this error becomes a `failed` row
    STATUS_HELP = 7,         // --help was printed; main.c turns it into STATUS_OK
    STATUS_INTERRUPTED = 75, // stopped by a signal or the time limit, everything saved
};

/* Exit code of the process for a status: 0, 1, 2, 3, 4, 5 or 75. */
int status_exit_code(enum status status);

/* Records a message and its source location and returns `status`. A later call replaces both. */
enum status status_fail(enum status status, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The recorded message, without a trailing newline, or "". Valid until the next status_fail. */
const char *status_message(void);

/* Source location that recorded the message, as "file.c:123". */
const char *status_source_location(void);

/* Records a message with this source location; its value is `status`. FAIL also returns from the function. */
#define FAILED(status, ...) status_fail((status), __FILE__, __LINE__, __VA_ARGS__)
#define FAIL(status, ...)   return FAILED((status), __VA_ARGS__)

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum status try_status_ = (call);                                                                    \
        if (try_status_ != STATUS_OK)                                                                        \
            return try_status_;                                                                              \
    } while (0)

/* FAIL and TRY for functions that hold resources: set the local `status` and jump to the label `done`. */
#define FAIL_DONE(code, ...)                                                                                 \
    do {                                                                                                     \
        status = FAILED((code), __VA_ARGS__);                                                                \
        goto done;                                                                                           \
    } while (0)

#define TRY_DONE(call)                                                                                       \
    do {                                                                                                     \
        status = (call);                                                                                     \
        if (status != STATUS_OK)                                                                             \
            goto done;                                                                                       \
    } while (0)

#endif
