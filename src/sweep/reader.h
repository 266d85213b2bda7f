/* Reads the tree of a sweep file, and --set options, into the grid. */
#ifndef SWEEP_READER_H
#define SWEEP_READER_H

#include "sweep/document.h"
#include "sweep/grid.h"

/* Reads a sweep file. Returns false, with an error recorded, if the root of the tree is not a mapping. */
bool reader_file(const struct node *root, struct grid *grid);

/* Applies --set KEY=VALUE. `key` must outlive the grid, whose source locations point to it. */
void reader_set(const char *key, const char *value, struct grid *grid);

#endif
