/* The two texts that say what a run and a sweep are, whatever comments, order or formatting they were written
 * with: the one that a run's id is the hash of, and the one that a results file keeps as `resolved`. */
#ifndef SWEEP_CANONICAL_H
#define SWEEP_CANONICAL_H

#include "spec/run_spec.h"
#include "sweep/grid.h"

/* Lines `column=value`, sorted, of what is not at its default; the equations and the generator's shape
 * always. A setting that comes later changes no id, as long as its default means what was done before. */
void canonical_run(const struct run_spec *run, struct text *text);

/* The run's id: a letter from a to f, which no reader takes for the start of a number, then 11 hex digits. */
void canonical_run_id(const struct run_spec *run, char id[13]);

/* YAML with every default that reads back as the same sweep. */
void canonical_sweep(const struct grid *grid, struct text *text);

#endif
