/* Textbook regressions of y on x, without a model: the floors that every trained model is compared with. */
#ifndef TASK_REGRESSION_H
#define TASK_REGRESSION_H

#include "base/status.h"
#include "spec/fit_spec.h"

struct regression;

/* Allocates buffers for regressions on single sets of the task. STATUS_MEMORY. */
enum status regression_create(const struct task_spec *task, enum regression_degree degree,
                              struct regression **regression);
void regression_destroy(struct regression **regression);

/* Fits y of the pairs by least squares, with the minimum norm of the coefficients if they are not unique, and
 * computes y at the evaluation inputs. Element k of the probes is at [k * stride].  pairs [n, pair width],
 * probes [points, d], y [points, o] */
void regression_predict(struct regression *regression, const float *pairs, const float *probes, int stride,
                        double *y);

#endif
