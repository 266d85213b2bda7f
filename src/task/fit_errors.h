/* Standard errors of fitted weights, from the curvature of the objective of task/fit.h.
 *
 * C = (J^T J / sigma^2 + P)^-1 is the covariance of the weights, with J the derivatives of the outputs and P
 * the prior's precision. Where relu or leaky-relu units can be rescaled without effect on y, the weights are
 * normalised as in task/weight_match.h first, layer by layer: each hidden unit's incoming weights have norm
 * 1, and the factor is moved to its outgoing ones. The errors of a unit's weights are NaN, not determined,
 * where the norm of its incoming weights is below 0.001 of their largest error: the normalisation is singular
 * there. */
#ifndef TASK_FIT_ERRORS_H
#define TASK_FIT_ERRORS_H

#include "base/status.h"
#include "spec/task_spec.h"

struct fit_errors {
    double *errors;       // [unknowns]: standard errors of the normalised weights; NaN: not determined
    double effective;     // weights that the pairs determine: trace(J C J^T) / sigma^2
    int prior_directions; // directions of the weights that the prior determines more than the pairs do
    double *memory;
};

/* Computes the errors at `weights`, and normalises the weights. The caller frees them with fit_errors_free.
 * STATUS_MEMORY. *found is false, without results, if the curvature is not finite.
 * pairs [n, pair width], weights [unknowns] */
enum status fit_errors_compute(const struct task_spec *task, const float *pairs, double sigma, float *weights,
                               struct fit_errors *errors, bool *found);
void fit_errors_free(struct fit_errors *errors);

/* Normalises weights [unknowns]; without effect for other activations. */
void fit_errors_normalise(const struct generator_shape *shape, double *weights);

#endif
