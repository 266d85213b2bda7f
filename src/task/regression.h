/* Textbook regressions of y on x, without a model: the least-squares solution of a linear generator's
 * equations, and the baselines of every trained model. Coefficients that are not unique have
 * the minimum norm. */
#ifndef TASK_REGRESSION_H
#define TASK_REGRESSION_H

#include "base/status.h"
#include "spec/fit_spec.h"

struct regression;

/* Allocates buffers for regressions on single sets of the task. STATUS_MEMORY. */
enum status regression_create(const struct task_spec *task, enum regression_terms terms,
                              struct regression **regression);
void regression_destroy(struct regression **regression);

/* Fits y of the pairs by least squares. For a linear generator and REGRESSION_LINEAR the coefficients are its
 * weights. The expected R^2 is min(1, equations / unknowns) for N(0, 1) inputs.
 * pairs [n, pair width], weights [coefficients, o] */
void regression_weights(struct regression *regression, const float *pairs, float *weights);

/* Fits y of the pairs by least squares, and computes y at the evaluation inputs. Element k of the probes is
 * at [k * stride].  pairs [n, pair width], probes [points, d], y [points, o] */
void regression_predict(struct regression *regression, const float *pairs, const float *probes, int stride,
                        double *y);

#endif
