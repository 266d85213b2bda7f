#include "driver/selection.h"

#include "base/memory.h"
#include "base/number.h"
#include "base/text.h"
#include "sweep/diagnostics.h"
#include "sweep/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_SHOWN = 8 };

// ---- ids ----

static enum status add_id(const struct selection *selection, const char *id, bool *chosen)
{
    char *const *ids = column_find(selection->runs, "run_id")->texts;
    size_t length = strlen(id);
    int64_t found = 0;
    for (int64_t run = 0; run < selection->runs->rows && length > 0; run++)
        if (strncmp(ids[run], id, length) == 0) {
            chosen[run] = true;
            found++;
        }
    if (found == 0)
        FAIL(STATUS_USAGE,
             "%s %s: no run `%s`; expected a run's id, the beginning of one, or conditions such as "
             "seed=1,pooling=mean (`%s` lists the runs)",
             selection->option, selection->argument, id, selection->lister);
    return STATUS_OK;
}

// ---- conditions ----

// Finds a column by the setting's name in an axis of a sweep file, or by the column's name.
static const struct column *column_of(const struct column_table *runs, const char *key)
{
    for (enum setting_id id = 0; id < SETTINGS; id++) {
        enum setting_group group;
        bool bare = strcmp(settings[id].key, key) == 0 && settings_sharing(key, &group) == 1;
        if (bare || strcmp(settings_name(id), key) == 0)
            return column_find(runs, settings[id].column);
    }
    return column_find(runs, key);
}

static enum status refuse_key(const struct selection *selection, const char *key)
{
    struct nearest nearest = {.word = key};
    for (int i = 0; i < selection->runs->count; i++)
        nearest_try(&nearest, selection->runs->columns[i].name);
    FAIL(STATUS_USAGE, "%s %s: `%s` is not a setting of these runs%s%s%s", selection->option,
         selection->argument, key, nearest.name[0] ? "; did you mean `" : "", nearest.name,
         nearest.name[0] ? "`?" : "");
}

// Copies the next item of a list to `item` and advances *list. False at the end of the list.
static bool next_item(const char **list, char item[64])
{
    *list += strspn(*list, " ,[]");
    size_t length = strcspn(*list, " ,[]");
    snprintf(item, 64, "%.*s", (int)(length < 63 ? length : 63), *list);
    *list += length;
    return length > 0;
}

static bool same_item(const char *a, const char *b)
{
    double x, y;
    return strcmp(a, b) == 0 || (number_real(a, &x) && number_real(b, &y) && x == y);
}

// Compares two lists item by item. Brackets and blanks are ignored, numbers are compared by value.
static bool same_list(const char *a, const char *b)
{
    char x[64], y[64];
    for (;;) {
        bool more = next_item(&a, x), others = next_item(&b, y);
        if (more != others)
            return false;
        if (!more)
            return true;
        if (!same_item(x, y))
            return false;
    }
}

static bool holds(const struct column *column, int64_t run, const char *value)
{
    int64_t integer;
    double real;
    switch (column->type) {
    case COLUMN_INT:
        return number_integer(value, &integer) && column->ints[run] == integer;
    case COLUMN_REAL:
        return number_real(value, &real) && column->reals[run] == real;
    case COLUMN_TEXT:
        return strcmp(column->texts[run], value) == 0;
    case COLUMN_LIST:
        return same_list(column->texts[run], value);
    }
    return false;
}

void selection_print_value(const struct column *column, int64_t run, struct text *text)
{
    text_add(text, column->type == COLUMN_LIST ? "[" : "");
    column_print(column, run, "none", text);
    text_add(text, column->type == COLUMN_LIST ? "]" : "");
}

// Fails with a list of the values that runs have.
static enum status refuse_value(const struct selection *selection, const struct column *column,
                                const char *key, const char *value)
{
    char *shown[VALUES_SHOWN];
    int count = 0;
    bool more = false;
    struct text values = {0};
    for (int64_t run = 0; run < selection->runs->rows && !more; run++) {
        struct text here = {0};
        int known = 0;
        selection_print_value(column, run, &here);
        while (known < count && strcmp(shown[known], here.chars) != 0)
            known++;
        more = known == VALUES_SHOWN;
        if (known == count && !more)
            shown[count++] = text_take(&here);
        text_free(&here);
    }
    for (int i = 0; i < count; i++) {
        text_format(&values, "%s%s", i > 0 ? ", " : "", shown[i]);
        free(shown[i]);
    }
    enum status status = FAILED(STATUS_USAGE, "%s %s: no run has %s=%s; expected %s%s", selection->option,
                                selection->argument, key, value, values.chars, more ? ", ..." : "");
    text_free(&values);
    return status;
}

// Removes blanks at both ends, in place.
static char *trimmed(char *word)
{
    word += strspn(word, " ");
    for (size_t length = strlen(word); length > 0 && word[length - 1] == ' ';)
        word[--length] = '\0';
    return word;
}

// Clears matches[run] for each run that does not satisfy the condition KEY=VALUE.
static enum status apply_condition(const struct selection *selection, char *condition, bool *matches)
{
    char *value = strchr(condition, '=');
    if (!value)
        FAIL(STATUS_USAGE, "%s %s: `%s` is not a condition; expected KEY=VALUE pairs joined by commas",
             selection->option, selection->argument, condition);
    *value = '\0';
    const char *key = trimmed(condition);
    const struct column *column = column_of(selection->runs, key);
    value = trimmed(value + 1);
    if (!column)
        return refuse_key(selection, key);
    bool any = false;
    for (int64_t run = 0; run < selection->runs->rows; run++) {
        bool here = holds(column, run, value);
        any |= here;
        matches[run] &= here;
    }
    return any ? STATUS_OK : refuse_value(selection, column, key, value);
}

// Returns the next condition and advances *rest. Commas in brackets belong to a value. NULL at the end.
static char *next_condition(char **rest)
{
    char *condition = *rest;
    if (!condition)
        return NULL;
    int depth = 0;
    for (char *c = condition; *c; c++) {
        depth += (*c == '[') - (*c == ']');
        if (*c == ',' && depth <= 0) {
            *c = '\0';
            *rest = c + 1;
            return condition;
        }
    }
    *rest = NULL;
    return condition;
}

static enum status add_conditions(const struct selection *selection, char *conditions, bool *chosen)
{
    int64_t runs = selection->runs->rows, found = 0;
    bool *matches = memory_small((size_t)runs * sizeof *matches);
    enum status status = STATUS_OK;
    memset(matches, true, (size_t)runs * sizeof *matches);
    for (char *condition; status == STATUS_OK && (condition = next_condition(&conditions));)
        status = apply_condition(selection, condition, matches);
    for (int64_t run = 0; run < runs && status == STATUS_OK; run++) {
        chosen[run] |= matches[run];
        found += matches[run];
    }
    if (status == STATUS_OK && found == 0)
        status =
            FAILED(STATUS_USAGE, "%s %s: no run satisfies all conditions; each condition alone selects runs",
                   selection->option, selection->argument);
    free(matches);
    return status;
}

// ---- selection ----

enum status selection_add(const struct selection *selection, bool *chosen)
{
    char *list = memory_text(selection->argument), *rest = list;
    enum status status = STATUS_OK;
    if (strchr(list, '='))
        status = add_conditions(selection, list, chosen);
    else
        for (char *id; status == STATUS_OK && (id = strsep(&rest, ","));)
            status = add_id(selection, id, chosen);
    free(list);
    return status;
}

enum status selection_find(const struct selection *selection, int64_t *run)
{
    int64_t runs = selection->runs->rows, found = 0;
    char *const *ids = column_find(selection->runs, "run_id")->texts;
    bool *chosen = memory_small((size_t)runs * sizeof *chosen);
    struct text names = {0};
    enum status status = selection_add(selection, chosen);
    for (int64_t i = 0; i < runs && status == STATUS_OK; i++) {
        if (!chosen[i])
            continue;
        *run = i;
        if (++found <= VALUES_SHOWN)
            text_format(&names, "%s%s", found > 1 ? ", " : "", ids[i]);
    }
    if (found > 1)
        status =
            FAILED(STATUS_USAGE, "%s %s: %lld runs (%s%s); expected one: add conditions, or more of the id",
                   selection->option, selection->argument, (long long)found, names.chars,
                   found > VALUES_SHOWN ? ", ..." : "");
    text_free(&names);
    free(chosen);
    return status;
}
