/* A table in columns: what `plan` prints, what the results file holds, what `export` reads back.
 *
 * The sweep makes one of its settings, the store writes and reads them, the commands print them, and none of
 * the three needs to know the others. */
#ifndef BASE_COLUMN_H
#define BASE_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

enum column_type {
    COLUMN_INT,  // int64
    COLUMN_REAL, // float64; NaN = not known or not defined
    COLUMN_TEXT, // UTF-8
    COLUMN_LIST, // text in the file and in CSV ("8,8"), a list of numbers in JSON
};

struct column {
    char *name;
    char *units; // "1", "s", "steps", "bytes", "FLOP"
    char *long_name;
    enum column_type type;
    union {
        int64_t *ints; // [rows]
        double *reals; // [rows]
        char **texts;  // [rows], each its own allocation; TEXT and LIST
    };
};

struct column_table {
    int64_t rows;
    int count;
    struct column *columns; // [count]
};

/* Adds a column with `rows` values of 0, NaN or NULL and returns it (valid until the next add). Copies the
 * strings. */
struct column *column_add(struct column_table *table, const char *name, enum column_type type,
                          const char *units, const char *long_name);

/* The column of that name, or NULL. */
struct column *column_find(const struct column_table *table, const char *name);

/* Adds a copy of another table's column: as many rows of it as this table has, from the first on, or these.
 * rows [table->rows] */
void column_copy(struct column_table *table, const struct column *from);
void column_copy_rows(struct column_table *table, const struct column *from, const int64_t *rows);

/* Whether the first `rows` values are not all the same. */
bool column_varies(const struct column *column, int64_t rows);

/* Frees what the table holds, not the struct itself. */
void column_table_free(struct column_table *table);

#endif
