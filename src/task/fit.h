/* A generator's weights found from its set of pairs alone, without a trained model: what one would try
 * otherwise. */
#ifndef TASK_FIT_H
#define TASK_FIT_H

#include "base/status.h"
#include "spec/task_spec.h"

#include <stdint.h>

struct fit;

/* For the sets of this task. STATUS_MEMORY. */
enum status fit_create(const struct task_spec *task, struct fit **fit);
void fit_destroy(struct fit **fit);

/* For a linear generator: the weights that minimise the error of the pairs, of those the ones of least norm.
 * With inputs of N(0, 1) and fewer equations than unknowns the expected R^2 of the weights is equations /
 * unknowns, above it is 1. pairs [n, pair width], weights [unknowns] */
void fit_least_squares(struct fit *fit, const float *pairs, float *weights);

/* For any generator: FIT_STEPS steps of Adam (rate 0.03, falling to 0 as a cosine) on the mean squared error
 * of all pairs, from FIT_RESTARTS starts drawn as generators are, for (seed, index); of their ends the one
 * with the least error. `leave` is asked now and then: true ends it early, with the weights undefined. */
void fit_descend(struct fit *fit, int64_t seed, int64_t index, const float *pairs,
                 bool (*leave)(void *context), void *context, float *weights);

#endif
