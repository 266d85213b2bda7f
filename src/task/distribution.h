/* Other data than a model is trained on: what becomes of the inputs x and the outputs y of held-out
 * generators. */
#ifndef TASK_DISTRIBUTION_H
#define TASK_DISTRIBUTION_H

#include "spec/task_spec.h"

#include <stddef.h>
#include <stdint.h>

/* Turns N(0, 1) numbers into the distribution's, in place: one by one, so that the sets of one distribution
 * are those of another, stretched.  x [count] */
void distribution_apply(enum task_inputs inputs, float *x, size_t count);

/* Adds to each generator's `rows` numbers y normal noise of `noise` times the standard deviation of these
 * numbers, drawn for (seed, generator).  y [rows, lanes], work [rows, lanes] */
void distribution_add_noise(double noise, int64_t seed, int64_t first, int sets, int rows, int lanes,
                            float *y, float *work);

#endif
