/* Finds the setting that a key names, and records an error with a suggestion if there is none. */
#ifndef SWEEP_KEYS_H
#define SWEEP_KEYS_H

#include "sweep/diagnostics.h"
#include "sweep/settings.h"

/* Finds the setting that `key` names in an axis, an exclusion or --set: by its bare key, or by group.key.
 * Returns SETTINGS, with an error recorded, if there is none. */
enum setting_id keys_anywhere(const char *key, struct source_location location,
                              struct diagnostics *diagnostics);

/* Finds the setting with `key` in `group` (GROUP_TOP: at top level). Returns SETTINGS, with an error
 * recorded, if there is none. */
enum setting_id keys_in_group(enum setting_group group, const char *key, struct source_location location,
                              struct diagnostics *diagnostics);

/* Returns the group with this name, or GROUPS. */
enum setting_group keys_group(const char *name);

#endif
