/* Which setting a key means, and what to say if it means none. */
#ifndef SWEEP_KEYS_H
#define SWEEP_KEYS_H

#include "sweep/diagnostics.h"
#include "sweep/settings.h"

/* The setting that an axis, an exclusion or --set calls `key`: by its bare key, or by group.key. SETTINGS,
 * with a mistake recorded, if there is none. */
enum setting_id keys_anywhere(const char *key, struct place place, struct diagnostics *diagnostics);

/* The setting that is called `key` inside a group, or at top level. */
enum setting_id keys_in_group(enum setting_group group, const char *key, struct place place,
                              struct diagnostics *diagnostics);

/* The group of that name; GROUPS if there is none. */
enum setting_group keys_group(const char *name);

#endif
