/* R^2 of a model over the held-out generators. */
#ifndef TRAIN_EVALUATE_H
#define TRAIN_EVALUATE_H

#include "task/task.h"

#include <stdbool.h>

/* Computes R^2 = 1 - MSE / Var(y) over all probes of all held-out generators, and its standard error over the
 * generators (delta method for the ratio of two means; NaN for one generator). Returns false, with both NaN,
 * if R^2 is not defined because y has no variance beyond the rounding of fp32. All outputs share one mean,
 * unlike in the R^2 of one set of pairs, which `predict` prints (cli/inference.c).  score [generators] */
bool evaluate_r2(const struct task_score *score, int generators, double *r2, double *standard_error);

#endif
