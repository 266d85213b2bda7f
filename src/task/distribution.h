/* Distributions of the inputs x, and noise on the outputs y. */
#ifndef TASK_DISTRIBUTION_H
#define TASK_DISTRIBUTION_H

#include "spec/task_spec.h"

#include <stddef.h>
#include <stdint.h>

/* Maps N(0, 1) values to the distribution, in place and element by element: each distribution uses the same
 * random numbers.  x [count] */
void distribution_apply(enum task_inputs inputs, float *x, size_t count);

/* Adds normal noise to y of generators first to first + sets - 1. The noise of a generator has `noise` times
 * the standard deviation of its y, and is drawn for (seed, generator).  y, work [rows, lanes] */
void distribution_add_noise(double noise, int64_t seed, int64_t first, int sets, int rows, int lanes,
                            float *y, float *work);

#endif
