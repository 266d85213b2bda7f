#include "sweep/diagnostics.h"

#include "base/memory.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PRINTED = 100, MAX_RECORDED = 1000 };

struct diagnostic {
    int line;  // INT_MAX for --set, which sorts after all lines of the file
    int index; // order of recording
    char *message;
};

// True if `set` (KEY of --set) is the bare or the full name of the setting `key`.
static bool same_key(const char *key, const char *set)
{
    size_t length = strlen(key), tail = strlen(set);
    if (length < tail || strcmp(key + length - tail, set) != 0)
        return false;
    return length == tail || key[length - tail - 1] == '.';
}

void diagnostics_add(struct diagnostics *diagnostics, struct source_location location, const char *key,
                     const char *format, ...)
{
    if (diagnostics->count >= MAX_RECORDED) {
        diagnostics->count++;
        return;
    }
    struct text text = {0};
    if (location.set)
        text_format(&text, "--set %s: ", location.set);
    else
        text_format(&text, "%s:%d: ", diagnostics->path, location.line);
    if (key && !(location.set && same_key(key, location.set)))
        text_format(&text, "%s: ", key);
    va_list args;
    va_start(args, format);
    char *message = NULL;
    if (vasprintf(&message, format, args) >= 0)
        text_add(&text, message);
    va_end(args);
    free(message);
    struct text line = {0}; // without line breaks, also where the message quotes the file
    text_add_visible(&line, text.chars);
    text_free(&text);

    for (int i = 0; i < diagnostics->count; i++)
        if (strcmp(diagnostics->list[i].message, line.chars) == 0) {
            text_free(&line);
            return;
        }
    size_t bytes = (size_t)(diagnostics->count + 1) * sizeof *diagnostics->list;
    diagnostics->list = memory_grow(diagnostics->list, bytes);
    diagnostics->list[diagnostics->count] =
        (struct diagnostic){.line = location.set ? INT_MAX : location.line,
                            .index = diagnostics->count,
                            .message = text_take(&line)};
    diagnostics->count++;
}

bool diagnostics_full(const struct diagnostics *diagnostics)
{
    return diagnostics->count >= MAX_PRINTED;
}

static int recorded_count(const struct diagnostics *diagnostics)
{
    return diagnostics->count < MAX_RECORDED ? diagnostics->count : MAX_RECORDED;
}

static int by_line(const void *a, const void *b)
{
    const struct diagnostic *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->index - y->index;
}

void diagnostics_print(struct diagnostics *diagnostics, const char *prefix, struct text *text)
{
    qsort(diagnostics->list, (size_t)recorded_count(diagnostics), sizeof *diagnostics->list, by_line);
    for (int i = 0; i < diagnostics->count && i < MAX_PRINTED; i++)
        text_format(text, "%s%s\n", prefix, diagnostics->list[i].message);
    if (diagnostics->count > MAX_PRINTED)
        text_format(text, "%s... and %d more\n", prefix, diagnostics->count - MAX_PRINTED);
}

enum status diagnostics_status(struct diagnostics *diagnostics)
{
    if (diagnostics->count == 0)
        return STATUS_OK;
    struct text all = {0};
    diagnostics_print(diagnostics, "", &all);
    all.chars[all.length - 1] = '\0';
    enum status status = FAILED(STATUS_USAGE, "%s", all.chars);
    text_free(&all);
    return status;
}

void diagnostics_free(struct diagnostics *diagnostics)
{
    for (int i = 0; i < recorded_count(diagnostics); i++)
        free(diagnostics->list[i].message);
    free(diagnostics->list);
    diagnostics->list = NULL;
    diagnostics->count = 0;
}

static int min_of(int a, int b, int c)
{
    int min = a < b ? a : b;
    return min < c ? min : c;
}

// Edit distance (insertions, deletions, replacements; case is ignored). Returns `too_far` for long words.
static int edit_distance(const char *a, const char *b, int too_far)
{
    enum { MAX_LENGTH = 64 };
    size_t columns = strlen(b);
    if (strlen(a) > MAX_LENGTH || columns > MAX_LENGTH)
        return too_far;
    int row[MAX_LENGTH + 1];
    for (size_t j = 0; j <= columns; j++)
        row[j] = (int)j;
    for (size_t i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= columns; j++) {
            int replaced = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            diagonal = row[j];
            row[j] = min_of(row[j] + 1, row[j - 1] + 1, replaced);
        }
    }
    return row[columns];
}

void nearest_try(struct nearest *nearest, const char *name)
{
    int length = (int)strlen(nearest->word);
    int max_distance = 1 + length / 4;
    int distance = edit_distance(nearest->word, name, max_distance + 1);
    if (distance > max_distance && length > 3 && strncmp(name, nearest->word, (size_t)length - 1) == 0)
        distance = max_distance; // the word is the beginning of a name, as `warmup` of `warmup_steps`
    if (distance <= max_distance && (nearest->name[0] == '\0' || distance < nearest->distance)) {
        snprintf(nearest->name, sizeof nearest->name, "%s", name);
        nearest->distance = distance;
    }
}
