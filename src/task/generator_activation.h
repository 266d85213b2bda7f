/* Activation functions of generators, one generator per element of a vector. */
#ifndef TASK_GENERATOR_ACTIVATION_H
#define TASK_GENERATOR_ACTIVATION_H

#include "kernel/simd_math.h"
#include "spec/task_spec.h"

#include <math.h>

/* Returns the activation of z and its slope; `activation` is a compile-time constant in each caller. */
SIMD_INLINE simd_float generator_activation_value(const enum generator_activation activation, simd_float z,
                                                  simd_float *slope)
{
    const simd_float one = simd_broadcast(1);
    simd_float value, density;
    switch (activation) {
    case ACTIVATION_RELU:
        *slope = (simd_float)((simd_int)one & (simd_int)(z > 0));
        return simd_relu(z);
    case ACTIVATION_LEAKY_RELU:
        *slope = simd_select((simd_int)(z > 0), one, simd_broadcast(0.01f));
        return *slope * z;
    case ACTIVATION_TANH:
        value = simd_tanh(z);
        *slope = 1 - value * value;
        return value;
    case ACTIVATION_GELU: // z Phi(z), Phi of the normal distribution
        value = 0.5f * (1 + simd_erf((float)M_SQRT1_2 * z));
        density = 0.5f * (float)(M_2_SQRTPI * M_SQRT1_2) * simd_exp(-0.5f * z * z);
        *slope = simd_fma(z, density, value);
        return value * z;
    }
    return z;
}

#endif
