/* A least-squares step from predicted generators: the change of the weights that fits the pairs best, if the
 * outputs are taken as linear in the weights. Private to this folder. */
#ifndef MODEL_LEAST_SQUARES_STEP_H
#define MODEL_LEAST_SQUARES_STEP_H

#include "spec/refined_workspace.h"

/* Adds to the weights of each set the solution of (J^T J / s^2 + P) step = -J^T r / s^2: r = y of the weights
 * at x - y of the pairs, J its derivatives by the weights, s^2 the mean of its squares, P the precision of
 * the weights' prior. The further the prediction is from the pairs, the shorter the step in directions that
 * they hardly determine. Sets whose step is not finite stay as they are. pairs [sets, n, d + o], weights
 * [sets, unknowns], scratch [refined_workspace_doubles] */
void least_squares_step(const struct generator_shape *shape, int n, int sets, const float *pairs,
                        float *weights, double *scratch);

#endif
