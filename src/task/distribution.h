/* Distributions of the inputs x, and noise on the outputs y. */
#ifndef TASK_DISTRIBUTION_H
#define TASK_DISTRIBUTION_H

#include "kernel/random.h"
#include "spec/task_spec.h"

#include <stddef.h>
#include <stdint.h>

/* Maps N(0, 1) values to the distribution, in place and element by element: each distribution uses the same
 * random numbers.  x [count] */
void distribution_apply(enum task_inputs inputs, float *x, size_t count);

/* Normal noise: its random numbers, and its standard deviation relative to that of a generator's y, which is
 * drawn per generator if min and max differ. */
struct distribution_noise {
    struct random_stream stream;
    enum random_purpose level_purpose;
    double min, max;
};

/* Adds noise to y of generators first to first + sets - 1.  y, work [rows, lanes] */
void distribution_add_noise(const struct distribution_noise *noise, int64_t first, int sets, int rows,
                            int lanes, float *y, float *work);

#endif
