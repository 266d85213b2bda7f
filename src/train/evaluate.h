/* How well a model predicts generators it has never seen. */
#ifndef TRAIN_EVALUATE_H
#define TRAIN_EVALUATE_H

#include "task/task.h"

#include <stdbool.h>

/* R^2 = 1 - MSE / Var(y) over all probes of all held-out generators, and its standard error over the
 * generators (delta method for the ratio of two means). Returns false, with both NaN, where R^2 is not
 * defined: y has no variance beyond the rounding of fp32.  score [generators] */
bool evaluate_r2(const struct task_score *score, int generators, double *r2, double *standard_error);

#endif
