/* Prints a table of columns as aligned text, CSV or JSON. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/column.h"

#include <stdio.h>

/* The choices of `--format table|csv|json`. */
enum table_format { TABLE_TEXT, TABLE_CSV, TABLE_JSON };

/* Prints aligned columns with a line of names; reals have four significant digits. */
void table_print_text(const struct column_table *table, FILE *out);

/* Prints a line of names, then one line per row; unknown values are empty. */
void table_print_csv(const struct column_table *table, FILE *out);

/* Appends a text as a CSV cell, in quotes where CSV requires quotes. */
void table_add_csv_text(struct text *row, const char *text);

/* Prints an array with one object per row, without a newline at its end; unknown values are null. */
void table_print_json(const struct column_table *table, FILE *out);

#endif
