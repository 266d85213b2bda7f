/* A table of named columns: the settings of a sweep, and the columns of a results file.
 *
 * Data passes between sweep/, store/ and cli/ in this form, so these folders do not depend on each other. */
#ifndef BASE_COLUMN_H
#define BASE_COLUMN_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum column_type {
    COLUMN_INT,  // int64
    COLUMN_REAL, // float64; NaN: not known or not defined
    COLUMN_TEXT, // UTF-8
    COLUMN_LIST, // text ("8,8") in the file and in CSV, a list of numbers in JSON
};

struct column {
    char *name;
    char *units; // "1", "s", "steps", "bytes", "FLOP"
    char *long_name;
    enum column_type type;
    union {
        int64_t *ints; // [rows]
        double *reals; // [rows]
        char **texts;  // [rows], each its own allocation; COLUMN_TEXT and COLUMN_LIST
    };
};

struct column_table {
    int64_t rows;
    int count;
    struct column *columns; // [count]
};

/* Adds a column whose values are 0, NaN or NULL and returns it; the pointer is valid until the next
 * column_add. Copies the strings. */
struct column *column_add(struct column_table *table, const char *name, enum column_type type,
                          const char *units, const char *long_name);

/* Returns the column named `name`, or NULL. */
struct column *column_find(const struct column_table *table, const char *name);

/* Adds a copy of another table's column. rows [table->rows]: the rows to copy; NULL: the first table->rows
 * rows. */
void column_copy(struct column_table *table, const struct column *from, const int64_t *rows);

/* Sets `table` to the rows of `count` tables, one after the other: a column `file` with each table's path,
 * and the columns that any of them has. A value is unknown (NaN, NULL) where its table lacks the column;
 * integers become reals then. */
void column_tables_join(const struct column_table *tables, const char *const *paths, int count,
                        struct column_table *table);

/* The value of a row in a column of numbers; NaN for a column of text, and for NULL. */
double column_number(const struct column *column, int64_t row);

/* Appends the value of a row for a terminal (text_add_visible); NaN becomes `nan`. */
void column_print(const struct column *column, int64_t row, const char *nan, struct text *text);

/* Whether the first `rows` values are not all equal. */
bool column_varies(const struct column *column, int64_t rows);

/* Frees the columns, not the struct itself. */
void column_table_free(struct column_table *table);

#endif
