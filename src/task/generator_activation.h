/* Activation functions of generators, one generator per lane. */
#ifndef TASK_GENERATOR_ACTIVATION_H
#define TASK_GENERATOR_ACTIVATION_H

#include "kernel/lanes.h"
#include "spec/task_spec.h"

#include <math.h>

INLINE float_lanes generator_activation_select(int_lanes mask, float_lanes yes, float_lanes no)
{
    return (float_lanes)((mask & (int_lanes)yes) | (~mask & (int_lanes)no));
}

INLINE float_lanes generator_activation_tanh(float_lanes z)
{
    float_lanes e = lanes_exp(2 * generator_activation_select(z < 0, z, -z)); // exp(-|2 z|)
    float_lanes t = (1 - e) / (1 + e);
    return generator_activation_select(z < 0, -t, t);
}

// Phi of the normal distribution, with an error of at most 7.5e-8: Abramowitz and Stegun, Handbook of
// Mathematical Functions, 7.1.26. *density: derivative of Phi.
INLINE float_lanes generator_activation_phi(float_lanes z, float_lanes *density)
{
    float_lanes size = generator_activation_select(z < 0, -z, z), e = lanes_exp(-0.5f * z * z);
    float_lanes t = 1 / (1 + 0.3275911f * (float)M_SQRT1_2 * size);
    float_lanes polynomial =
        ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t;
    float_lanes tail = 0.5f * polynomial * e; // Phi(-|z|)
    *density = 0.5f * (float)(M_2_SQRTPI * M_SQRT1_2) * e;
    return generator_activation_select(z < 0, tail, 1 - tail);
}

/* Returns the activation of z and its slope; `activation` is a compile-time constant in each caller. */
INLINE float_lanes generator_activation_value(const enum generator_activation activation, float_lanes z,
                                              float_lanes *slope)
{
    const float_lanes one = (float_lanes){0} + 1;
    float_lanes value, density;
    switch (activation) {
    case ACTIVATION_RELU:
        *slope = (float_lanes)((int_lanes)one & (z > 0));
        return lanes_relu(z);
    case ACTIVATION_LEAKY_RELU:
        *slope = generator_activation_select(z > 0, one, 0.01f * one);
        return *slope * z;
    case ACTIVATION_TANH:
        value = generator_activation_tanh(z);
        *slope = 1 - value * value;
        return value;
    case ACTIVATION_GELU:
        value = generator_activation_phi(z, &density);
        *slope = value + z * density;
        return value * z;
    }
    return z;
}

#endif
