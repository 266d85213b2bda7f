/* What computed a result: for `info` and for the results file's `versions`. */
#ifndef DRIVER_VERSIONS_H
#define DRIVER_VERSIONS_H

#include "base/text.h"

/* The program's own: its number and the revision that it was built from. */
const char *versions_program(void);

/* One JSON object of texts. The caller frees it. */
char *versions_json(void);

/* The text under a key of such an object, or "". The caller frees it. */
char *versions_find(const char *json, const char *key);

/* The same for people, a line each. */
void versions_print(struct text *text);

#endif
