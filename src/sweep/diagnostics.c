#include "sweep/diagnostics.h"

#include "base/memory.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENOUGH = 100, KEPT = 1000 };

struct diagnostic {
    int line;  // those of --set come after all lines
    int index; // order of recording
    char *message;
};

// `key` is the setting that --set KEY names, by its bare or its full name.
static bool same_key(const char *key, const char *set)
{
    size_t length = strlen(key), tail = strlen(set);
    if (length < tail || strcmp(key + length - tail, set) != 0)
        return false;
    return length == tail || key[length - tail - 1] == '.';
}

void diagnostics_add(struct diagnostics *diagnostics, struct place place, const char *key, const char *format,
                     ...)
{
    if (diagnostics->count >= KEPT) {
        diagnostics->count++;
        return;
    }
    struct text text = {0};
    if (place.set)
        text_format(&text, "--set %s: ", place.set);
    else
        text_format(&text, "%s:%d: ", diagnostics->path, place.line);
    if (key && !(place.set && same_key(key, place.set)))
        text_format(&text, "%s: ", key);
    va_list args;
    va_start(args, format);
    char *message = NULL;
    if (vasprintf(&message, format, args) >= 0)
        text_add(&text, message);
    va_end(args);
    free(message);
    struct text line = {0}; // one, whatever the file says
    text_add_visible(&line, text.chars);
    text_free(&text);

    for (int i = 0; i < diagnostics->count; i++)
        if (strcmp(diagnostics->list[i].message, line.chars) == 0) {
            text_free(&line);
            return;
        }
    size_t bytes = (size_t)(diagnostics->count + 1) * sizeof *diagnostics->list;
    diagnostics->list = memory_grow(diagnostics->list, bytes);
    diagnostics->list[diagnostics->count] = (struct diagnostic){
        .line = place.set ? INT_MAX : place.line, .index = diagnostics->count, .message = text_take(&line)};
    diagnostics->count++;
}

bool diagnostics_full(const struct diagnostics *diagnostics)
{
    return diagnostics->count >= ENOUGH;
}

static int kept_of(const struct diagnostics *diagnostics)
{
    return diagnostics->count < KEPT ? diagnostics->count : KEPT;
}

static int by_line(const void *a, const void *b)
{
    const struct diagnostic *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->index - y->index;
}

void mistakes_print(struct diagnostics *diagnostics, const char *before, struct text *text)
{
    qsort(diagnostics->list, (size_t)kept_of(diagnostics), sizeof *diagnostics->list, by_line);
    for (int i = 0; i < diagnostics->count && i < ENOUGH; i++)
        text_format(text, "%s%s\n", before, diagnostics->list[i].message);
    if (diagnostics->count > ENOUGH)
        text_format(text, "%s... and %d more\n", before, diagnostics->count - ENOUGH);
}

enum status diagnostics_status(struct diagnostics *diagnostics)
{
    if (diagnostics->count == 0)
        return STATUS_OK;
    struct text all = {0};
    mistakes_print(diagnostics, "", &all);
    all.chars[all.length - 1] = '\0';
    enum status status = status_fail(STATUS_USAGE, __FILE__, __LINE__, "%s", all.chars);
    text_free(&all);
    return status;
}

void diagnostics_free(struct diagnostics *diagnostics)
{
    for (int i = 0; i < kept_of(diagnostics); i++)
        free(diagnostics->list[i].message);
    free(diagnostics->list);
    diagnostics->list = NULL;
    diagnostics->count = 0;
}

static int least_of(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

// Insertions, deletions and replacements that turn one word into the other; `far` for words too long to try.
static int edit_distance(const char *a, const char *b, int far)
{
    enum { LONGEST = 64 };
    size_t columns = strlen(b);
    if (strlen(a) > LONGEST || columns > LONGEST)
        return far;
    int row[LONGEST + 1];
    for (size_t j = 0; j <= columns; j++)
        row[j] = (int)j;
    for (size_t i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= columns; j++) {
            int replaced = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            diagonal = row[j];
            row[j] = least_of(row[j] + 1, row[j - 1] + 1, replaced);
        }
    }
    return row[columns];
}

void nearest_try(struct nearest *nearest, const char *name)
{
    int length = (int)strlen(nearest->word);
    int tolerated = 1 + length / 4;
    int distance = edit_distance(nearest->word, name, tolerated + 1);
    if (distance > tolerated && length > 3 && strncmp(name, nearest->word, (size_t)length - 1) == 0)
        distance = tolerated; // as `warmup` or `equations` begin a name
    if (distance <= tolerated && (nearest->name[0] == '\0' || distance < nearest->distance)) {
        snprintf(nearest->name, sizeof nearest->name, "%s", name);
        nearest->distance = distance;
    }
}
