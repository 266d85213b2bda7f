#include "cli/table.h"

#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// ---- text ----

static void add_short_real(struct text *text, double value)
{
    if (isnan(value))
        return;
    text_format(text, fabs(value) >= 1000 && fabs(value) < 1e15 ? "%.0f" : "%.4g", value);
}

static void add_cell(struct text *text, const struct column *column, int64_t row)
{
    if (column->type == COLUMN_REAL)
        add_short_real(text, column->reals[row]);
    else
        column_print(column, row, "", text);
}

// Number of characters of a UTF-8 text.
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

// Aligns numbers to the right and text to the left, without blanks at the end of a line.
static void add_padded(struct text *line, const char *cell, int width, enum column_type type, bool last)
{
    bool right = type == COLUMN_INT || type == COLUMN_REAL;
    int blanks = width - width_of(cell);
    if (right)
        text_format(line, "%*s", blanks, "");
    text_add(line, cell);
    if (!right && !last)
        text_format(line, "%*s", blanks, "");
    text_add(line, last ? "\n" : "  ");
}

void table_print_text(const struct column_table *table, FILE *out)
{
    int64_t rows = table->rows;
    struct text *lines = memory_small((size_t)(rows + 1) * sizeof *lines);
    char **cells = memory_small((size_t)(rows + 1) * sizeof *cells);
    for (int i = 0; i < table->count; i++) {
        const struct column *column = &table->columns[i];
        int width = 0;
        for (int64_t line = 0; line <= rows; line++) {
            struct text cell = {0};
            if (line == 0)
                text_add_visible(&cell, column->name);
            else
                add_cell(&cell, column, line - 1);
            cells[line] = text_take(&cell);
            int cell_width = width_of(cells[line]);
            width = cell_width > width ? cell_width : width;
        }
        for (int64_t line = 0; line <= rows; line++) {
            add_padded(&lines[line], cells[line], width, column->type, i == table->count - 1);
            free(cells[line]);
        }
    }
    for (int64_t line = 0; line <= rows; line++) {
        fputs(lines[line].length ? lines[line].chars : "", out);
        text_free(&lines[line]);
    }
    free(cells);
    free(lines);
}

// ---- CSV and JSON ----

// The last real of a column and its text, cached because grids repeat values and the search for the shortest
// decimal is slow.
struct last_real {
    double value;
    struct text text;
};

static void add_real(struct text *row, double value, struct last_real *last)
{
    if (last->text.length == 0 || last->value != value) {
        last->text.length = 0;
        text_add_real(&last->text, value, "");
        last->value = value;
    }
    text_add_bytes(row, last->text.chars, last->text.length);
}

void table_add_csv_text(struct text *row, const char *text)
{
    bool quoted = strpbrk(text, ",\"\n\r") != NULL;
    text_add(row, quoted ? "\"" : "");
    for (size_t length; *text; text += length) {
        length = strcspn(text, "\"");
        text_add_utf8(row, text, length);
        if (text[length] == '"')
            text_add(row, "\"\""), length++;
    }
    text_add(row, quoted ? "\"" : "");
}

static void add_csv_row(struct text *line, const struct column_table *table, int64_t row,
                        struct last_real *last)
{
    for (int i = 0; i < table->count; i++) {
        const struct column *column = &table->columns[i];
        if (i > 0)
            text_add(line, ",");
        if (column->type == COLUMN_INT)
            text_add_int(line, column->ints[row]);
        else if (column->type == COLUMN_REAL)
            add_real(line, column->reals[row], &last[i]);
        else if (column->texts[row])
            table_add_csv_text(line, column->texts[row]);
    }
    text_add(line, "\n");
}

static void add_json_list(struct text *row, const char *list)
{
    text_add(row, "[");
    while (*list) {
        size_t length = strcspn(list, ",");
        const char *quote = isalpha((unsigned char)*list) ? "\"" : ""; // names are strings
        text_format(row, "%s%.*s%s", quote, (int)length, list, quote);
        list += length;
        if (*list)
            text_add(row, ", "), list++;
    }
    text_add(row, "]");
}

static void add_json_value(struct text *line, const struct column *column, int64_t row,
                           struct last_real *last)
{
    bool known = column->type == COLUMN_INT ||
                 (column->type == COLUMN_REAL ? isfinite(column->reals[row]) : column->texts[row] != NULL);
    if (!known)
        text_add(line, "null");
    else if (column->type == COLUMN_INT)
        text_add_int(line, column->ints[row]);
    else if (column->type == COLUMN_REAL)
        add_real(line, column->reals[row], last);
    else if (column->type == COLUMN_LIST)
        add_json_list(line, column->texts[row]);
    else
        text_add_json(line, column->texts[row]);
}

static void add_json_row(struct text *line, const struct column_table *table, int64_t row,
                         struct last_real *last)
{
    text_add(line, row > 0 ? ",\n{" : "\n{");
    for (int i = 0; i < table->count; i++) {
        text_add(line, i > 0 ? ", \"" : "\"");
        text_add(line, table->columns[i].name);
        text_add(line, "\": ");
        add_json_value(line, &table->columns[i], row, &last[i]);
    }
    text_add(line, "}");
}

static void print_rows(const struct column_table *table, FILE *out,
                       void (*add_row)(struct text *, const struct column_table *, int64_t,
                                       struct last_real *))
{
    struct last_real *last = memory_small((size_t)table->count * sizeof *last);
    struct text line = {0};
    for (int64_t row = 0; row < table->rows; row++) {
        line.length = 0;
        add_row(&line, table, row, last);
        fwrite(line.chars, 1, line.length, out);
    }
    text_free(&line);
    for (int i = 0; i < table->count; i++)
        text_free(&last[i].text);
    free(last);
}

void table_print_csv(const struct column_table *table, FILE *out)
{
    for (int i = 0; i < table->count; i++)
        fprintf(out, "%s%s", i > 0 ? "," : "", table->columns[i].name);
    fputc('\n', out);
    print_rows(table, out, add_csv_row);
}

void table_print_json(const struct column_table *table, FILE *out)
{
    fputc('[', out);
    print_rows(table, out, add_json_row);
    fputs(table->rows > 0 ? "\n]" : "]", out);
}
