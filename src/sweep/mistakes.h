/* The mistakes of a sweep file, all of them.
 *
 * Reading and checking go on after a mistake; each one is recorded here with its place, and in the end all
 * are told together, in the order of the file's lines and then of the --set options. */
#ifndef SWEEP_MISTAKES_H
#define SWEEP_MISTAKES_H

#include "base/status.h"
#include "base/text.h"

#include <stdbool.h>

struct place {
    int line;        // of the file, from 1; 0 for what nobody wrote, such as a default
    const char *set; // KEY of --set KEY=VALUE, or NULL
};

struct mistakes {
    const char *path; // names the file in messages
    int count;
    struct mistake *list;   // of the first thousand
    struct mistakes *notes; // remarks on what is valid but hardly meant; NULL: dropped
};

/* Records `FILE:LINE: key: message`, or `--set KEY: message`. What was recorded already is not recorded
 * again, so that a check may be made for every run. `key` may be NULL. */
void mistakes_add(struct mistakes *mistakes, struct place place, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* So many that looking for more would help nobody. */
bool mistakes_enough(const struct mistakes *mistakes);

/* Adds a line per mistake to the text, in the order of mistakes_status, each after `before`. */
void mistakes_print(struct mistakes *mistakes, const char *before, struct text *text);

/* STATUS_OK without mistakes; else STATUS_USAGE, with all of them as its message, one a line. */
enum status mistakes_status(struct mistakes *mistakes);

void mistakes_free(struct mistakes *mistakes);

/* The name that was probably meant: start with {.word = what was written}, try all valid names, look at
 * `name`. */
struct nearest {
    const char *word;
    char name[64]; // "": nothing is near
    int distance;
};

void nearest_try(struct nearest *nearest, const char *name);

#endif
