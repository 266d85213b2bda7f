/* Prints a table of columns for people, for spreadsheets and for programs. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/column.h"
#include "base/status.h"

#include <stdio.h>

enum table_format { TABLE_TEXT, TABLE_CSV, TABLE_JSON };

/* `table`, `csv` or `json`; anything else is STATUS_USAGE with a sentence. */
enum status table_format_of(const char *name, enum table_format *format);

/* Aligned columns under their names, numbers to four digits. */
void table_print_text(const struct column_table *table, FILE *out);

/* A line of names, then a line a row; what is not known is empty. */
void table_print_csv(const struct column_table *table, FILE *out);

/* An array with an object a row; what is not known is null. Without a line's end behind it. */
void table_print_json(const struct column_table *table, FILE *out);

#endif
