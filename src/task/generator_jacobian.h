/* Residuals of generators with their derivatives by the weights, in double: BATCHED generators side by side
 * (kernel/batched.h). */
#ifndef TASK_GENERATOR_JACOBIAN_H
#define TASK_GENERATOR_JACOBIAN_H

#include "kernel/batched.h"
#include "spec/task_spec.h"
#include "task/normal_equations.h"

/* Operands of generator_jacobian: a set of `points` pairs for each of BATCHED generators of one shape. */
struct generator_pairs {
    const struct generator_shape *shape;
    int points;
    double *x;       // [points d, BATCHED]
    double *y;       // [points o, BATCHED]
    double *scale;   // [BATCHED]: factor of the residuals
    double *scratch; // [generator_scratch, BATCHED]
};

/* Doubles of the buffers of generator_pairs. */
size_t generator_jacobian_doubles(const struct generator_shape *shape, int points);

/* Places the buffers in `memory` [generator_jacobian_doubles]. Returns the first element after them. */
double *generator_jacobian_init(struct generator_pairs *pairs, const struct generator_shape *shape,
                                int points, double *memory);

/* Copies the pairs of a set [points, d + o] to system l. */
void generator_jacobian_load(const struct generator_pairs *pairs, const float *set, int l);

/* The least-squares problem of the generators' weights. It reads `pairs` and `precision` [unknowns], which
 * must outlive it. */
struct least_squares_problem generator_jacobian_problem(struct generator_pairs *pairs,
                                                        const double *precision);

/* Computes scale (y of `weights` at x - y), and the derivatives unless `jacobian` is NULL.
 * weights [unknowns, BATCHED], residual [points o, BATCHED], jacobian [points o, unknowns, BATCHED] */
SIMD_FUNCTION(void, generator_jacobian, const struct generator_pairs *pairs, const double *weights,
              double *residual, double *jacobian);
#define generator_jacobian SIMD_CHOOSE(generator_jacobian)

#endif
