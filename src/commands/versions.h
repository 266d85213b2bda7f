/* What computed a result: for `info` and for the results file's `versions`. */
#ifndef COMMANDS_VERSIONS_H
#define COMMANDS_VERSIONS_H

#include "base/text.h"

/* One JSON object of texts. The caller frees it. */
char *versions_json(void);

/* The text under a key of such an object, or "". The caller frees it. */
char *versions_find(const char *json, const char *key);

/* The same for people, a line each. */
void versions_print(struct text *text);

#endif
