/* Versions of the program and its libraries, for `info` and for the results file's attribute `versions`. */
#ifndef DRIVER_VERSIONS_H
#define DRIVER_VERSIONS_H

#include "base/precision.h"
#include "base/text.h"

/* The program's version and the revision that it was built from. */
const char *versions_program(void);

/* Returns a JSON object whose values are strings. The caller frees it. */
char *versions_json(void);

/* Key of the numerics of runs in `precision`. */
const char *versions_numerics(enum precision precision);

/* Returns the value of `key` in an object of versions_json, or "". The caller frees it. */
char *versions_find(const char *json, const char *key);

/* Appends one line per version. */
void versions_print(struct text *text);

#endif
