/* Fits of a generator's weights to a single set of pairs, without a trained model: the baselines. */
#ifndef TASK_FIT_H
#define TASK_FIT_H

#include "base/status.h"
#include "spec/task_spec.h"

#include <stdint.h>

struct fit;

/* Allocates buffers for fits of single sets of the task. STATUS_MEMORY. */
enum status fit_create(const struct task_spec *task, struct fit **fit);
void fit_destroy(struct fit **fit);

/* Computes the least-squares weights of a linear generator, with the minimum norm if they are not unique. For
 * N(0, 1) inputs the expected R^2 of the weights is equations / unknowns with fewer equations than unknowns,
 * else 1. pairs [n, pair width], weights [unknowns] */
void fit_least_squares(struct fit *fit, const float *pairs, float *weights);

/* Fits any generator by FIT_STEPS steps of Adam (learning rate 0.03, cosine schedule to 0) on the mean
 * squared error of all pairs, from FIT_RESTARTS starts, which are drawn like generators for (seed, index).
 * Returns the end with the min error. Every few steps it calls `stop`; if that returns true, the fit ends
 * with undefined weights. pairs [n, pair width], weights [unknowns] */
void fit_descend(struct fit *fit, int64_t seed, int64_t index, const float *pairs,
                 bool (*stop)(void *context), void *context, float *weights);

#endif
