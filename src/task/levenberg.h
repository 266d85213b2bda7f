/* Levenberg-Marquardt: minimises sum of squared residuals + sum of precision_i w_i^2, for BATCHED problems of
 * one shape side by side (kernel/batched.h), in double.
 *
 * With A the matrix of the normal equations, J^T J + diag(precision), a trial step solves
 * (A + lambda max(diag A, 1e-6 mean(diag A))) step = -gradient, in the smaller of the numbers of residuals
 * and unknowns. The step is accepted if the objective is finite and becomes lower. lambda starts at 1e-2, is
 * divided by 4 after an accepted step and multiplied by 5 after a rejected step. lambda stays within
 * [1e-12, 1e12]. */
#ifndef TASK_LEVENBERG_H
#define TASK_LEVENBERG_H

#include "base/status.h"
#include "task/normal_equations.h"

struct levenberg;

/* Allocates a solver for the problem, which must outlive it. STATUS_MEMORY. */
enum status levenberg_create(const struct least_squares_problem *problem, struct levenberg **solver);
void levenberg_destroy(struct levenberg **solver);

/* The unknowns: set by the caller before levenberg_start, then the best found.  [unknowns, BATCHED] */
double *levenberg_weights(struct levenberg *solver);

/* The objective at levenberg_weights.  [BATCHED] */
const double *levenberg_objective(const struct levenberg *solver);

/* Begins at levenberg_weights. */
void levenberg_start(struct levenberg *solver);

/* Makes one iteration: one trial step, accepted or not. */
void levenberg_iterate(struct levenberg *solver);

#endif
