/* Canonical texts of a run and of a sweep, independent of the comments, order and formatting of the sweep
 * file. A run's id is the hash of its canonical text; a results file keeps the sweep's as `resolved`. */
#ifndef SWEEP_CANONICAL_H
#define SWEEP_CANONICAL_H

#include "spec/run_spec.h"
#include "sweep/grid.h"

/* Appends sorted lines `column=value` for the equations and for each setting that has no default or differs
 * from it. Skips settings that the run does not use or that are not part of an id (outside_id). A new setting
 * therefore changes no id if its default keeps the old behaviour. */
void canonical_run(const struct run_spec *run, struct text *text);

/* Writes the run's id: a letter from a to f, then 11 hex digits. With a letter in front no CSV reader takes
 * an id for a number. */
void canonical_run_id(const struct run_spec *run, char id[13]);

/* Appends YAML with every default. Reading this YAML gives the same sweep. */
void canonical_sweep(const struct grid *grid, struct text *text);

#endif
