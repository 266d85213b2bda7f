/* The mistakes of a sweep file, all of them.
 *
 * Reading and checking go on after a mistake; each one is recorded here with its place, and in the end all
 * are told together, in the order of the file's lines and then of the --set options. */
#ifndef SWEEP_DIAGNOSTICS_H
#define SWEEP_DIAGNOSTICS_H

#include "base/status.h"
#include "base/text.h"

#include <stdbool.h>

struct place {
    int line;        // of the file, from 1; 0 for what nobody wrote, such as a default
    const char *set; // KEY of --set KEY=VALUE, or NULL
};

struct diagnostics {
    const char *path; // names the file in messages
    int count;
    struct diagnostic *list;   // of the first thousand
    struct diagnostics *notes; // remarks on what is valid but hardly meant; NULL: dropped
};

/* Records `FILE:LINE: key: message`, or `--set KEY: message`. What was recorded already is not recorded
 * again, so that a check may be made for every run. `key` may be NULL. */
void diagnostics_add(struct diagnostics *diagnostics, struct place place, const char *key, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));

/* So many that looking for more would help nobody. */
bool diagnostics_full(const struct diagnostics *diagnostics);

/* Adds a line per mistake to the text, in the order of diagnostics_status, each after `before`. */
void mistakes_print(struct diagnostics *diagnostics, const char *before, struct text *text);

/* STATUS_OK without mistakes; else STATUS_USAGE, with all of them as its message, one a line. */
enum status diagnostics_status(struct diagnostics *diagnostics);

void diagnostics_free(struct diagnostics *diagnostics);

/* The name that was probably meant: start with {.word = what was written}, try all valid names, look at
 * `name`. */
struct nearest {
    const char *word;
    char name[64]; // "": nothing is near
    int distance;
};

void nearest_try(struct nearest *nearest, const char *name);

#endif
