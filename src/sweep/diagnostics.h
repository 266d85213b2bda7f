/* Errors in a sweep file, collected so that one command reports all of them.
 *
 * Reading and checking continue after an error. Each error is recorded with its source location. Errors are
 * reported together, ordered by line of the file; errors in --set options come last. */
#ifndef SWEEP_DIAGNOSTICS_H
#define SWEEP_DIAGNOSTICS_H

#include "base/status.h"
#include "base/text.h"

#include <stdbool.h>

struct source_location {
    int line;        // line in the file, from 1; 0: not in the file, such as a default
    const char *set; // KEY of --set KEY=VALUE, or NULL for the file
};

struct diagnostics {
    const char *path;          // file name for messages
    int count;                 // errors, also those beyond the list's limit
    struct diagnostic *list;   // the first 1000 errors
    struct diagnostics *notes; // warnings about valid but unusual settings; NULL: warnings are dropped
};

/* Records `FILE:LINE: key: message`, or `--set KEY: message`. `key` may be NULL. A message that is already
 * recorded is ignored, so that a check may run once per run. */
void diagnostics_add(struct diagnostics *diagnostics, struct source_location location, const char *key,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* True once the maximum number of printed errors is recorded; callers stop checking. */
bool diagnostics_full(const struct diagnostics *diagnostics);

/* Appends one line per error to `text`, each with `prefix` in front, in the order of diagnostics_status. */
void diagnostics_print(struct diagnostics *diagnostics, const char *prefix, struct text *text);

/* STATUS_OK if no error is recorded; else STATUS_USAGE with a message of one line per error. */
enum status diagnostics_status(struct diagnostics *diagnostics);

void diagnostics_free(struct diagnostics *diagnostics);

/* Search for the valid name nearest to a misspelt word. Initialise with {.word = the misspelt word}, call
 * nearest_try for each valid name, then read `name`. */
struct nearest {
    const char *word;
    char name[64]; // "": no valid name is near
    int distance;  // edit distance between word and name
};

/* Keeps `name` if it is nearer to the word than all names before it, and near enough. */
void nearest_try(struct nearest *nearest, const char *name);

#endif
