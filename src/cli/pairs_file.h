/* Pairs from a user's CSV file: a line of column names x1..xd and y (y1..yo if the generator has several
 * outputs), in any order, then one line per pair. */
#ifndef CLI_PAIRS_FILE_H
#define CLI_PAIRS_FILE_H

#include "base/status.h"

#include <stdint.h>

struct pairs {
    int inputs, outputs; // d, o
    int count;
    float *x;      // [count, d]
    float *y;      // [count, o]
    int64_t *line; // [count], line of the pair in the file, from 1
};

/* Reads the file. STATUS_USAGE with FILE:LINE, the column and the expected value. The caller frees *pairs
 * with pairs_free. */
enum status pairs_read(const char *path, int inputs, int outputs, struct pairs *pairs);
void pairs_free(struct pairs *pairs);

/* Writes the name of column k of x1..xd, y; k from 0. */
void pairs_column_name(int inputs, int outputs, int k, char name[16]);

#endif
