#include "train/updates.h"

#include "kernel/simd.h"

#include <math.h>

// A plain loop: the compiler turns it into vectors.
void SIMD_NAME(updates_adam)(float *restrict p, const float *restrict g, float *restrict m, float *restrict v,
                             size_t count, float rate, float root_correction)
{
    const float keep = (float)updates_beta2, first = (float)(1 - updates_beta1),
                second = (float)(1 - updates_beta2), epsilon = 1e-8f;
    for (size_t i = 0; i < count; i++) {
        m[i] += first * (g[i] - m[i]);
        v[i] = keep * v[i] + second * (g[i] * g[i]);
        p[i] -= rate * (m[i] / (sqrtf(v[i]) / root_correction + epsilon));
    }
}

void SIMD_NAME(updates_combine)(float *to, float a, const float *x, float b, const float *y, size_t count)
{
    size_t i = 0;
    for (; i + SIMD_FLOATS <= count; i += SIMD_FLOATS)
        simd_store(to + i, a * simd_load(x + i) + b * simd_load(y + i));
    for (; i < count; i++)
        to[i] = a * x[i] + b * y[i];
}

void SIMD_NAME(updates_scale)(float *to, float a, const float *x, size_t count)
{
    size_t i = 0;
    for (; i + SIMD_FLOATS <= count; i += SIMD_FLOATS)
        simd_store(to + i, a * simd_load(x + i));
    for (; i < count; i++)
        to[i] = a * x[i];
}
