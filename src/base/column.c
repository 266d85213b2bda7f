#include "base/column.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct column *column_add(struct column_table *table, const char *name, enum column_type type,
                          const char *units, const char *long_name)
{
    table->columns = memory_grow(table->columns, (size_t)(table->count + 1) * sizeof *table->columns);
    struct column *column = &table->columns[table->count++];
    *column = (struct column){.name = memory_text(name),
                              .units = memory_text(units),
                              .long_name = memory_text(long_name),
                              .type = type};
    size_t rows = (size_t)table->rows;
    switch (type) {
    case COLUMN_INT:
        column->ints = memory_small(rows * sizeof *column->ints);
        break;
    case COLUMN_REAL:
        column->reals = memory_small(rows * sizeof *column->reals);
        for (size_t i = 0; i < rows; i++)
            column->reals[i] = NAN;
        break;
    case COLUMN_TEXT:
    case COLUMN_LIST:
        column->texts = memory_small(rows * sizeof *column->texts);
        break;
    }
    return column;
}

struct column *column_find(const struct column_table *table, const char *name)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    return NULL;
}

void column_copy(struct column_table *table, const struct column *from, const int64_t *rows)
{
    struct column *to = column_add(table, from->name, from->type, from->units, from->long_name);
    for (int64_t row = 0; row < table->rows; row++) {
        int64_t source = rows ? rows[row] : row;
        if (from->type == COLUMN_INT)
            to->ints[row] = from->ints[source];
        else if (from->type == COLUMN_REAL)
            to->reals[row] = from->reals[source];
        else
            to->texts[row] = memory_text(from->texts[source] ? from->texts[source] : "");
    }
}

static bool is_text(enum column_type type)
{
    return type == COLUMN_TEXT || type == COLUMN_LIST;
}

// The type of a joined column: that of the tables' columns, or one that holds all their values.
static enum column_type joined_type(const struct column_table *tables, int count, const struct column *like)
{
    enum column_type type = like->type;
    for (int i = 0; i < count; i++) {
        const struct column *column = column_find(&tables[i], like->name);
        if (column && is_text(column->type) != is_text(type))
            return COLUMN_TEXT;
        if ((!column || column->type == COLUMN_REAL) && type == COLUMN_INT)
            type = COLUMN_REAL;
    }
    return type;
}

static void join_value(struct column *to, int64_t row, const struct column *from, int64_t source)
{
    struct text text = {0};
    if (to->type == COLUMN_INT) {
        to->ints[row] = from->ints[source];
    } else if (to->type == COLUMN_REAL) {
        to->reals[row] = column_number(from, source);
    } else if (is_text(from->type)) {
        to->texts[row] = from->texts[source] ? memory_text(from->texts[source]) : NULL;
    } else {
        column_print(from, source, "", &text);
        to->texts[row] = text_take(&text);
    }
}

static void join_column(const struct column_table *tables, int count, const struct column *like,
                        struct column_table *table)
{
    struct column *to =
        column_add(table, like->name, joined_type(tables, count, like), like->units, like->long_name);
    for (int64_t i = 0, row = 0; i < count; row += tables[i++].rows) {
        const struct column *from = column_find(&tables[i], like->name);
        for (int64_t source = 0; from && source < tables[i].rows; source++)
            join_value(to, row + source, from, source);
    }
}

void column_tables_join(const struct column_table *tables, const char *const *paths, int count,
                        struct column_table *table)
{
    *table = (struct column_table){0};
    for (int i = 0; i < count; i++)
        table->rows += tables[i].rows;
    char **file = column_add(table, "file", COLUMN_TEXT, "1", "results file")->texts;
    for (int i = 0; i < count; i++)
        for (int64_t row = 0; row < tables[i].rows; row++)
            *file++ = memory_text(paths[i]);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < tables[i].count; j++)
            if (!column_find(table, tables[i].columns[j].name))
                join_column(tables, count, &tables[i].columns[j], table);
}

double column_number(const struct column *column, int64_t row)
{
    if (!column || is_text(column->type))
        return NAN;
    return column->type == COLUMN_INT ? (double)column->ints[row] : column->reals[row];
}

void column_print(const struct column *column, int64_t row, const char *nan, struct text *text)
{
    if (column->type == COLUMN_INT)
        text_add_int(text, column->ints[row]);
    else if (column->type == COLUMN_REAL)
        text_add_real(text, column->reals[row], nan);
    else if (column->texts[row])
        text_add_visible(text, column->texts[row]);
}

static bool same(const struct column *column, int64_t row, int64_t other)
{
    if (column->type == COLUMN_INT)
        return column->ints[row] == column->ints[other];
    if (column->type == COLUMN_REAL)
        return column->reals[row] == column->reals[other];
    return strcmp(column->texts[row], column->texts[other]) == 0;
}

bool column_varies(const struct column *column, int64_t rows)
{
    for (int64_t row = 1; row < rows; row++)
        if (!same(column, row, 0))
            return true;
    return false;
}

void column_table_free(struct column_table *table)
{
    for (int i = 0; i < table->count; i++) {
        struct column *column = &table->columns[i];
        free(column->name);
        free(column->units);
        free(column->long_name);
        if (is_text(column->type))
            for (int64_t row = 0; row < table->rows; row++)
                free(column->texts[row]);
        free(column->ints);
    }
    free(table->columns);
    *table = (struct column_table){0};
}
