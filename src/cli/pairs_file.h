/* Pairs from a user's CSV file: a line of column names x1..xd and y (y1..yo if the generator has several
 * outputs), in any order, then one line per pair. A column `set` names the set of each pair. */
#ifndef CLI_PAIRS_FILE_H
#define CLI_PAIRS_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Pairs of one set. */
struct pairs {
    const char *name;    // of the set; NULL: the file has one set
    int inputs, outputs; // d, o
    int count;
    float *x;      // [count, d]
    float *y;      // [count, o]
    int64_t *line; // [count], line of the pair in the file, from 1
};

struct pairs_file {
    bool names_sets;   // the file has a column `set`
    int sets;          // number of sets
    struct pairs *set; // [sets], in the order of their first pairs; views of `all`
    struct pairs all;
    char **label; // [all.count]: name of each pair's set, if names_sets
};

/* Reads the file. STATUS_USAGE with FILE:LINE, the column and the expected value. The caller frees *file
 * with pairs_free. */
enum status pairs_read(const char *path, int inputs, int outputs, struct pairs_file *file);
void pairs_free(struct pairs_file *file);

/* Writes the name of column k of x1..xd, y; k from 0. */
void pairs_column_name(int inputs, int outputs, int k, char name[16]);

#endif
