/* Mean and standard deviation over a set's pairs, in two passes: the second sums squared deviations from the
 * mean. */
#ifndef KERNEL_MOMENTS_POOLING_H
#define KERNEL_MOMENTS_POOLING_H

#include "base/precision.h"
#include "kernel/simd_set.h"

/* mean = mean over the pairs of z, deviation = sqrt(population variance + 1e-6).
 * z [sets, pairs, stride] in `precision`, moments [sets, 2, stride] */
SIMD_FUNCTION(void, moments_pooling_forward, float *moments, const void *z, int sets, int pairs, int stride,
              enum precision precision);
#define moments_pooling_forward SIMD_CHOOSE(moments_pooling_forward)

/* Replaces z by its gradient, from the gradient at the moments.
 * z [sets, pairs, stride] in `precision`, moments and dmoments [sets, 2, stride] */
SIMD_FUNCTION(void, moments_pooling_backward, void *z, const float *dmoments, const float *moments, int sets,
              int pairs, int stride, enum precision precision);
#define moments_pooling_backward SIMD_CHOOSE(moments_pooling_backward)

#endif
