/* From the tree of a sweep file, and from --set options, to the grid. */
#ifndef SWEEP_READER_H
#define SWEEP_READER_H

#include "sweep/document.h"
#include "sweep/grid.h"

/* False, with a mistake recorded, if the tree is no mapping at all. */
bool reader_file(const struct node *root, struct grid *grid, struct diagnostics *diagnostics);

/* --set KEY=VALUE. The grid's places point to `key`, which has to outlive it. */
void reader_set(const char *key, const char *value, struct grid *grid, struct diagnostics *diagnostics);

/* After all: what has no default has to be given. */
void reader_require(const struct grid *grid, struct diagnostics *diagnostics);

#endif
