/* Residuals of a predicted generator on the pairs of a set: the features of learned refinement. Private to
 * this folder. */
#ifndef MODEL_RESIDUALS_H
#define MODEL_RESIDUALS_H

#include "spec/task_spec.h"

/* Computes r = y of `weights` at x - y of the pairs. Writes the pairs' features [x, y, 4 r, hidden units] and
 * J^T r / n, half the gradient of the mean squared residual by the weights.
 * weights [unknowns], pairs [n, d + o], features [n, d + 2 o + hidden units], gradient [unknowns],
 * scratch [refined_workspace_scratch] */
void residuals_compute(const struct generator_shape *shape, int n, const float *weights, const float *pairs,
                       float *features, float *gradient, float *scratch);

#endif
