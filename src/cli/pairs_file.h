/* A user's own pairs, from a CSV file: a line of column names x1..xd and y (y1..yo where a generator has
 * several outputs), in any order, then a line a pair. */
#ifndef CLI_PAIRS_FILE_H
#define CLI_PAIRS_FILE_H

#include "base/status.h"

#include <stdint.h>

struct pairs {
    int inputs, outputs; // d, o
    int count;
    float *x;      // [count, d]
    float *y;      // [count, o]
    int64_t *line; // [count], where each stands in the file
};

/* STATUS_USAGE with FILE:LINE, the column, and what was expected. The caller frees what the struct holds. */
enum status pairs_read(const char *path, int inputs, int outputs, struct pairs *pairs);
void pairs_free(struct pairs *pairs);

/* The name of column k of x1..xd, y. */
void pairs_column_name(int inputs, int outputs, int k, char name[16]);

#endif
