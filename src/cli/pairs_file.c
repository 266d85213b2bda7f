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
    char *text;      // the current line
    size_t capacity; // bytes allocated for `text`
    int64_t line;    // number of the current line, from 1
    int columns;     // d + o, and 1 for `set`
    int *meaning;    // [d + o + 1], index in x1..xd, y, set of each column of the file
    bool index;      // the first column is the index of a pandas DataFrame
    struct pairs_file *output;
    struct pairs *pairs; // output->all
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

// Refuses a comma in quotes, which next_cell takes for the end of the cell.
static enum status check_quotes(const struct reader *reader)
{
    bool quoted = false;
    for (const char *at = reader->text; *at; at++) {
        quoted ^= *at == '"';
        if (quoted && *at == ',')
            break;
    }
    if (quoted)
        FAIL(STATUS_USAGE,
             "%s:%lld: a comma or the end of the line inside quotes; expected cells without commas",
             reader->path, (long long)reader->line);
    return STATUS_OK;
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
            return check_quotes(reader);
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
    enum status status = FAILED(
        STATUS_USAGE, "%s:%lld: %s%s%s%s; expected the columns %s, named in the first line", reader->path,
        (long long)reader->line, what, name ? " `" : "", name ? name : "", name ? "`" : "", names);
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
    if (strcasecmp(cell, "set") == 0)
        return pairs->inputs + pairs->outputs;
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
    for (int k = 0; k < reader->pairs->inputs + reader->pairs->outputs; k++) {
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
    reader->output->names_sets = found == reader->columns + 1;
    TRY(check_all_there(reader, found));
    reader->columns = found;
    return STATUS_OK;
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
    if (reader->output->names_sets)
        reader->output->label = memory_grow(reader->output->label, capacity * sizeof(char *));
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
    const char *label = "";
    if (reader->index)
        next_cell(&rest);
    for (char *cell; (cell = next_cell(&rest)); found++) {
        if (found >= reader->columns)
            continue; // the number of cells is checked below
        int meaning = reader->meaning[found];
        if (meaning == pairs->inputs + pairs->outputs) {
            label = cell;
            if (!label[0])
                FAIL(STATUS_USAGE, "%s:%lld: column set: no name; expected the name of the pair's set",
                     reader->path, (long long)reader->line);
            continue;
        }
        TRY(read_number(reader, cell, meaning,
                        meaning < pairs->inputs ? &x[meaning] : &y[meaning - pairs->inputs]));
    }
    if (found != reader->columns)
        FAIL(STATUS_USAGE, "%s:%lld: %d number%s; expected %d, one for each column of the first line",
             reader->path, (long long)reader->line, found, text_plural(found), reader->columns);
    if (reader->output->names_sets)
        reader->output->label[pairs->count] = memory_text(label);
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

// ---- sets ----

struct place {
    const char *label;
    int pair, first; // number of the pair, and of the first pair of its set
};

static int by_label(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = strcmp(x->label, y->label);
    return order ? order : x->pair - y->pair;
}

static int by_first(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return x->first != y->first ? x->first - y->first : x->pair - y->pair;
}

// Returns the pairs in the order of their sets. The caller frees the result.
static struct place *order_by_set(const struct pairs_file *file)
{
    int count = file->all.count;
    struct place *place = memory_small((size_t)count * sizeof *place);
    for (int i = 0; i < count; i++)
        place[i] = (struct place){file->names_sets ? file->label[i] : "", i, 0};
    qsort(place, (size_t)count, sizeof *place, by_label);
    for (int i = 0; i < count; i++)
        place[i].first =
            i > 0 && strcmp(place[i].label, place[i - 1].label) == 0 ? place[i - 1].first : place[i].pair;
    qsort(place, (size_t)count, sizeof *place, by_first);
    return place;
}

// Sorts the pairs by set, and lists the sets.
static void group_pairs(struct pairs_file *file)
{
    struct pairs *all = &file->all, sorted = *all;
    struct place *place = order_by_set(file);
    size_t count = (size_t)all->count, d = (size_t)all->inputs, o = (size_t)all->outputs;
    sorted.x = memory_small(count * d * sizeof *sorted.x);
    sorted.y = memory_small(count * o * sizeof *sorted.y);
    sorted.line = memory_small(count * sizeof *sorted.line);
    file->set = memory_small(count * sizeof *file->set);
    for (size_t i = 0; i < count; i++) {
        size_t from = (size_t)place[i].pair;
        memcpy(sorted.x + i * d, all->x + from * d, d * sizeof *sorted.x);
        memcpy(sorted.y + i * o, all->y + from * o, o * sizeof *sorted.y);
        sorted.line[i] = all->line[from];
        if (i == 0 || place[i].first != place[i - 1].first)
            file->set[file->sets++] = (struct pairs){.name = file->names_sets ? place[i].label : NULL,
                                                     .inputs = all->inputs,
                                                     .outputs = all->outputs,
                                                     .x = sorted.x + i * d,
                                                     .y = sorted.y + i * o,
                                                     .line = sorted.line + i};
        file->set[file->sets - 1].count++;
    }
    free(all->x);
    free(all->y);
    free(all->line);
    *all = sorted;
    free(place);
}

enum status pairs_read(const char *path, int inputs, int outputs, struct pairs_file *file)
{
    *file = (struct pairs_file){.all = {.inputs = inputs, .outputs = outputs}};
    struct reader reader = {.path = path,
                            .file = fopen(path, "r"),
                            .columns = inputs + outputs,
                            .output = file,
                            .pairs = &file->all};
    if (!reader.file)
        FAIL(STATUS_USAGE, "%s: cannot be opened: %s", path, strerror(errno));
    reader.meaning = memory_small((size_t)(reader.columns + 1) * sizeof *reader.meaning);
    enum status status = read_all(&reader);
    free(reader.meaning);
    free(reader.text);
    fclose(reader.file);
    if (status == STATUS_OK)
        group_pairs(file);
    else
        pairs_free(file);
    return status;
}

void pairs_free(struct pairs_file *file)
{
    for (int i = 0; file->label && i < file->all.count; i++)
        free(file->label[i]);
    free(file->label);
    free(file->set);
    free(file->all.x);
    free(file->all.y);
    free(file->all.line);
    *file = (struct pairs_file){0};
}
