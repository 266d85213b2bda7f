/* Fits of single sets of pairs without a model: sizes and costs. src/task computes them. */
#ifndef SPEC_FIT_SPEC_H
#define SPEC_FIT_SPEC_H

#include "spec/task_spec.h"

#include <stddef.h>

/* Regressions of y on powers of x: [1, x_i], or [1, x_i, x_i x_j] with i <= j. */
enum regression_degree { REGRESSION_AFFINE = 1, REGRESSION_QUADRATIC = 2 };

/* Number of coefficients per output of a regression on `inputs` inputs. */
int regression_coefficients(int inputs, enum regression_degree degree);

/* FLOPs per set of a regression. */
double regression_flops(const struct task_spec *task, enum regression_degree degree);

#endif
