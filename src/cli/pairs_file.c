#include "cli/pairs_file.h"

#include "base/memory.h"
#include "base/number.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *path;
    FILE *file;
    char *text;          // the current line
    size_t capacity;     // bytes allocated for `text`
    int64_t line;        // number of the current line, from 1
    int columns;         // d + o
    int *meaning;        // [columns], index in x1..xd, y of each column of the file
    bool index;          // the first column is the index of a pandas DataFrame
    struct pairs *pairs; // output
    int capacity_pairs;  // pairs for which memory is allocated
};

void pairs_column_name(int inputs, int outputs, int k, char name[16])
{
    if (k < inputs)
        snprintf(name, 16, "x%d", k + 1);
    else if (outputs == 1)
        snprintf(name, 16, "y");
    else
        snprintf(name, 16, "y%d", k - inputs + 1);
}

static char *all_names(const struct pairs *pairs)
{
    struct text text = {0};
    char name[16];
    for (int k = 0; k < pairs->inputs + pairs->outputs; k++) {
        pairs_column_name(pairs->inputs, pairs->outputs, k, name);
        text_format(&text, "%s%s", k > 0 ? "," : "", name);
    }
    return text_take(&text);
}

// Reads the next line that is not blank, without its newline. *found is false at the end of the file.
static enum status next_line(struct reader *reader, bool *found)
{
    *found = false;
    for (ssize_t length; (length = getline(&reader->text, &reader->capacity, reader->file)) >= 0;) {
        reader->line++;
        if (memchr(reader->text, '\0', (size_t)length))
            FAIL(STATUS_USAGE,
                 "%s:%lld: a NUL byte; expected text, such as a spreadsheet saves as CSV in UTF-8",
                 reader->path, (long long)reader->line);
        while (length > 0 && isspace((unsigned char)reader->text[length - 1]))
            reader->text[--length] = '\0';
        if (length > 0) {
            *found = true;
            return STATUS_OK;
        }
    }
    if (ferror(reader->file))
        FAIL(STATUS_USAGE, "%s: cannot be read: %s", reader->path, strerror(errno));
    return STATUS_OK;
}

// Returns the next cell without surrounding blanks and quotes, and advances *rest. NULL at the end of the
// line.
static char *next_cell(char **rest)
{
    char *cell = strsep(rest, ",");
    if (!cell)
        return NULL;
    cell += strspn(cell, " \t\"");
    size_t length = strlen(cell);
    while (length > 0 && strchr(" \t\"", cell[length - 1]))
        cell[--length] = '\0';
    return cell;
}

// ---- column names ----

static enum status refuse_names(const struct reader *reader, const char *what, const char *name)
{
    char *names = all_names(reader->pairs);
    enum status status = status_fail(STATUS_USAGE, __FILE__, __LINE__,
                                     "%s:%lld: %s%s%s%s; expected the columns %s, named in the first line",
                                     reader->path, (long long)reader->line, what, name ? " `" : "",
                                     name ? name : "", name ? "`" : "", names);
    free(names);
    return status;
}

static int meaning_of(const struct pairs *pairs, const char *cell)
{
    char name[16];
    for (int k = 0; k < pairs->inputs + pairs->outputs; k++) {
        pairs_column_name(pairs->inputs, pairs->outputs, k, name);
        if (strcasecmp(cell, name) == 0)
            return k;
    }
    return pairs->outputs == 1 && strcasecmp(cell, "y1") == 0 ? pairs->inputs : -1;
}

// pandas: DataFrame.to_csv() writes the index as first column without a name; read_csv() names it "Unnamed:
// 0".
static bool is_index(const char *cell)
{
    return cell[0] == '\0' || strcmp(cell, "Unnamed: 0") == 0;
}

static enum status check_all_there(const struct reader *reader, int found)
{
    char name[16];
    for (int k = 0; k < reader->columns; k++) {
        bool there = false;
        for (int i = 0; i < found; i++)
            there |= reader->meaning[i] == k;
        pairs_column_name(reader->pairs->inputs, reader->pairs->outputs, k, name);
        if (!there)
            return refuse_names(reader, "no column", name);
    }
    return STATUS_OK;
}

static enum status read_names(struct reader *reader)
{
    bool there;
    TRY(next_line(reader, &there));
    if (!there)
        return refuse_names(reader, "the file is empty", NULL);
    static const char mark[] = "\xef\xbb\xbf"; // byte order mark in UTF-8, written by spreadsheets
    char *rest = reader->text + (strncmp(reader->text, mark, 3) == 0 ? 3 : 0);
    if (!strchr(rest, ',') && strpbrk(rest, ";\t"))
        return refuse_names(reader, "no comma between the columns", NULL);
    int found = 0;
    char *cell = next_cell(&rest);
    reader->index = is_index(cell);
    if (reader->index)
        cell = next_cell(&rest);
    for (; cell; cell = next_cell(&rest), found++) {
        int meaning = meaning_of(reader->pairs, cell);
        if (meaning < 0)
            return refuse_names(reader, "unknown column", cell);
        for (int i = 0; i < found; i++)
            if (reader->meaning[i] == meaning)
                return refuse_names(reader, "a second column", cell);
        reader->meaning[found] = meaning; // in bounds, because all meanings are distinct
    }
    return check_all_there(reader, found);
}

// ---- values ----

static enum status read_number(const struct reader *reader, const char *cell, int meaning, float *number)
{
    char name[16];
    double value;
    pairs_column_name(reader->pairs->inputs, reader->pairs->outputs, meaning, name);
    if (!number_real(cell, &value) || !isfinite((float)value))
        FAIL(STATUS_USAGE,
             "%s:%lld: column %s: `%s`; expected a number, in decimal and within the range of fp32",
             reader->path, (long long)reader->line, name, cell);
    *number = (float)value;
    return STATUS_OK;
}

static void reserve_pair(struct reader *reader)
{
    struct pairs *pairs = reader->pairs;
    if (pairs->count < reader->capacity_pairs)
        return;
    reader->capacity_pairs = reader->capacity_pairs ? 2 * reader->capacity_pairs : 64;
    size_t capacity = (size_t)reader->capacity_pairs;
    pairs->x = memory_grow(pairs->x, capacity * (size_t)pairs->inputs * sizeof *pairs->x);
    pairs->y = memory_grow(pairs->y, capacity * (size_t)pairs->outputs * sizeof *pairs->y);
    pairs->line = memory_grow(pairs->line, capacity * sizeof *pairs->line);
}

static enum status read_pair(struct reader *reader)
{
    struct pairs *pairs = reader->pairs;
    if (pairs->count == INT_MAX / 2 / reader->columns)
        FAIL(STATUS_USAGE, "%s:%lld: too many pairs; expected at most %d", reader->path,
             (long long)reader->line, pairs->count);
    reserve_pair(reader);
    float *x = pairs->x + (size_t)pairs->count * (size_t)pairs->inputs;
    float *y = pairs->y + (size_t)pairs->count * (size_t)pairs->outputs;
    char *rest = reader->text;
    int found = 0;
    if (reader->index)
        next_cell(&rest);
    for (char *cell; (cell = next_cell(&rest)); found++) {
        if (found >= reader->columns)
            continue; // the number of cells is checked below
        int meaning = reader->meaning[found];
        TRY(read_number(reader, cell, meaning,
                        meaning < pairs->inputs ? &x[meaning] : &y[meaning - pairs->inputs]));
    }
    if (found != reader->columns)
        FAIL(STATUS_USAGE, "%s:%lld: %d number%s; expected %d, one for each column of the first line",
             reader->path, (long long)reader->line, found, found == 1 ? "" : "s", reader->columns);
    pairs->line[pairs->count++] = reader->line;
    return STATUS_OK;
}

static enum status read_all(struct reader *reader)
{
    TRY(read_names(reader));
    bool there;
    TRY(next_line(reader, &there));
    while (there) {
        TRY(read_pair(reader));
        TRY(next_line(reader, &there));
    }
    if (reader->pairs->count == 0)
        FAIL(STATUS_USAGE, "%s: no pairs; expected one line of numbers per pair after the first line",
             reader->path);
    return STATUS_OK;
}

enum status pairs_read(const char *path, int inputs, int outputs, struct pairs *pairs)
{
    *pairs = (struct pairs){.inputs = inputs, .outputs = outputs};
    struct reader reader = {
        .path = path, .file = fopen(path, "r"), .line = 0, .columns = inputs + outputs, .pairs = pairs};
    if (!reader.file)
        FAIL(STATUS_USAGE, "%s: cannot be opened: %s", path, strerror(errno));
    reader.meaning = memory_small((size_t)reader.columns * sizeof *reader.meaning);
    enum status status = read_all(&reader);
    free(reader.meaning);
    free(reader.text);
    fclose(reader.file);
    if (status != STATUS_OK)
        pairs_free(pairs);
    return status;
}

void pairs_free(struct pairs *pairs)
{
    free(pairs->x);
    free(pairs->y);
    free(pairs->line);
    *pairs = (struct pairs){0};
}
