/* Fits of single sets of pairs without a model: sizes and costs. src/task computes them. */
#ifndef SPEC_FIT_SPEC_H
#define SPEC_FIT_SPEC_H

#include "spec/task_spec.h"

#include <stddef.h>

/* Regressions of y on the terms [x_i], [1, x_i], or [1, x_i, x_i x_j] with i <= j. */
enum regression_terms { REGRESSION_LINEAR, REGRESSION_AFFINE, REGRESSION_QUADRATIC };

/* Number of coefficients per output of a regression on `inputs` inputs. */
int regression_coefficients(int inputs, enum regression_terms terms);

/* FLOPs per set of a regression, without those per output, which are few. */
double regression_flops(const struct task_spec *task, enum regression_terms terms);

/* Points of a fit by Levenberg-Marquardt that are evaluated together: all, if there are fewer residuals
 * (points outputs) than unknowns, else a block whose Jacobian stays in the cache. */
int fit_block(int points, int outputs, int unknowns);

/* Doubles of the buffers of task/normal_equations.h. */
size_t normal_equations_doubles(int points, int outputs, int unknowns);

/* FLOPs per iteration of one fit. */
double fit_iteration_flops(const struct task_spec *task);

/* Bytes of the buffers of 8 fits of the task side by side (kernel/batched.h). */
size_t fit_bytes(const struct task_spec *task);

/* Inverse of the prior variance of each weight of a generator.  precision [unknowns] */
void fit_precision(const struct generator_shape *shape, double *precision);

#endif
