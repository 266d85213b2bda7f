#include "sweep/keys.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

// Keys at top level that are neither settings nor groups.
static const char *const others[] = {"name", "axes", "exclude"};

enum setting_group keys_group(const char *name)
{
    for (enum setting_group group = GROUP_TOP + 1; group < GROUPS; group++)
        if (strcmp(setting_groups[group], name) == 0)
            return group;
    return GROUPS;
}

static void full_key(enum setting_group group, const char *key, char full[64])
{
    if (group == GROUP_TOP)
        snprintf(full, 64, "%.60s", key);
    else
        snprintf(full, 64, "%s.%.40s", setting_groups[group], key);
}

static void refuse_shared(const char *key, struct source_location location, struct diagnostics *diagnostics)
{
    struct text names = {0};
    for (enum setting_group group = 0; group < GROUPS; group++)
        if (settings_find(group, key) != SETTINGS)
            text_format(&names, "%s`%s.%s`", names.length ? " or " : "", setting_groups[group], key);
    diagnostics_add(diagnostics, location, key, "more than one group has this key; expected %s", names.chars);
    text_free(&names);
}

static void refuse_anywhere(const char *key, const char *bare, struct source_location location,
                            struct diagnostics *diagnostics)
{
    struct nearest nearest = {.word = key};
    enum setting_group home;
    if (bare != key && settings_sharing(bare, &home) == 1) {
        nearest.word = bare; // the right key in a wrong group
        nearest_try(&nearest, bare);
    }
    for (enum setting_id id = 0; id < SETTINGS; id++) {
        if (settings_sharing(settings[id].key, &home) == 1)
            nearest_try(&nearest, settings[id].key);
        nearest_try(&nearest, settings_name(id));
    }
    struct text hint = {0};
    if (nearest.name[0])
        text_format(&hint, "; did you mean `%s`?", nearest.name);
    diagnostics_add(diagnostics, location, key,
                    "unknown setting; expected one that `weightsweep plan --help` lists%s",
                    hint.length ? hint.chars : "");
    text_free(&hint);
}

enum setting_id keys_anywhere(const char *key, struct source_location location,
                              struct diagnostics *diagnostics)
{
    enum setting_group group = GROUPS;
    const char *dot = strchr(key, '.');
    const char *bare = dot ? dot + 1 : key;
    if (dot) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(dot - key), key);
        group = keys_group(name);
    } else if (settings_sharing(bare, &group) > 1) {
        refuse_shared(key, location, diagnostics);
        return SETTINGS;
    }
    enum setting_id id = group == GROUPS ? SETTINGS : settings_find(group, bare);
    if (id == SETTINGS)
        refuse_anywhere(key, bare, location, diagnostics);
    return id;
}

// Records an unknown key with a list of the group's keys and the nearest one.
static void refuse_in_group(enum setting_group group, const char *key, const char *full,
                            struct source_location location, struct diagnostics *diagnostics)
{
    struct nearest nearest = {.word = key};
    struct text expected = {0};
    for (enum setting_id id = 0; id < SETTINGS; id++)
        if (settings[id].group == group) {
            nearest_try(&nearest, settings[id].key);
            text_format(&expected, "%s`%s`", expected.length ? ", " : "", settings[id].key);
        }
    for (enum setting_group name = GROUP_TOP + 1; group == GROUP_TOP && name < GROUPS; name++) {
        nearest_try(&nearest, setting_groups[name]);
        text_format(&expected, ", `%s`", setting_groups[name]);
    }
    for (size_t i = 0; group == GROUP_TOP && i < sizeof others / sizeof *others; i++) {
        nearest_try(&nearest, others[i]);
        text_format(&expected, ", `%s`", others[i]);
    }
    if (nearest.name[0])
        text_format(&expected, "; did you mean `%s`?", nearest.name);
    diagnostics_add(diagnostics, location, full, "unknown key; expected one of %s", expected.chars);
    text_free(&expected);
}

enum setting_id keys_in_group(enum setting_group group, const char *key, struct source_location location,
                              struct diagnostics *diagnostics)
{
    enum setting_id id = settings_find(group, key);
    if (id != SETTINGS)
        return id;
    char full[64];
    full_key(group, key, full);
    enum setting_group home = GROUPS;
    if (settings_sharing(key, &home) == 0 || home == group)
        refuse_in_group(group, key, full, location, diagnostics);
    else if (home == GROUP_TOP)
        diagnostics_add(diagnostics, location, full, "is in the wrong place; expected `%s` at top level",
                        key);
    else
        diagnostics_add(diagnostics, location, full, "is in the wrong place; expected it under `%s:`",
                        setting_groups[home]);
    return SETTINGS;
}
