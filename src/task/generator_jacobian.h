/* Residuals of generators with their derivatives by the weights, in double: BATCHED generators side by side
 * (kernel/batched.h). */
#ifndef TASK_GENERATOR_JACOBIAN_H
#define TASK_GENERATOR_JACOBIAN_H

#include "kernel/batched.h"
#include "spec/batch_workspace.h"
#include "spec/task_spec.h"

/* Operands of generator_jacobian: `points` pairs for each of BATCHED generators of one shape. */
struct generator_pairs {
    const struct generator_shape *shape;
    int points;
    const double *x;     // [points d, BATCHED]
    const double *y;     // [points o, BATCHED]
    const double *scale; // [BATCHED]: factor of the residuals
    double *scratch;     // [generator_jacobian_scratch, BATCHED]
};

/* Elements per system of the scratch: activations, slopes, gradients at two layers. */
static inline int generator_jacobian_scratch(const struct generator_shape *shape)
{
    return generator_scratch(shape);
}

/* Computes scale (y of `weights` at x - y), and the derivatives unless `jacobian` is NULL.
 * weights [unknowns, BATCHED], residual [points o, BATCHED], jacobian [points o, unknowns, BATCHED] */
SIMD_FUNCTION(void, generator_jacobian, const struct generator_pairs *pairs, const double *weights,
              double *residual, double *jacobian);
#define generator_jacobian SIMD_CHOOSE(generator_jacobian)

/* `evaluate` of a least_squares_problem (task/normal_equations.h). context: the generator_pairs of all
 * points. */
static inline void generator_jacobian_evaluate(void *context, const double *weights, int first, int points,
                                               double *residual, double *jacobian)
{
    struct generator_pairs pairs = *(const struct generator_pairs *)context;
    pairs.points = points;
    pairs.x += (size_t)(first * pairs.shape->inputs) * BATCHED;
    pairs.y += (size_t)(first * pairs.shape->outputs) * BATCHED;
    generator_jacobian(&pairs, weights, residual, jacobian);
}

#endif
