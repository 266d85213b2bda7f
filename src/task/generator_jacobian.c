#include "task/generator_jacobian.h"

#include "kernel/simd_set.h"
#include "spec/batch_workspace.h"

typedef void jacobian_function(const struct generator_pairs *pairs, const double *weights, double *residual,
                               double *jacobian);
SIMD_DECLARE(jacobian_function, generator_jacobian);

int generator_jacobian_scratch(const struct generator_shape *shape)
{
    return generator_scratch(shape); // activations, slopes, gradients at two layers
}

void generator_jacobian(const struct generator_pairs *pairs, const double *weights, double *residual,
                        double *jacobian)
{
    static jacobian_function *const functions[SIMD_SETS] = SIMD_TABLE(generator_jacobian);
    functions[simd_set_current()](pairs, weights, residual, jacobian);
}
