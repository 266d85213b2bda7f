/* Bias, ReLU and the sum over a set's pairs in one pass after a GEMM, and its backward pass.
 *
 * Only the sign bits of the activations are kept: word w of a column holds the pairs 32 w .. 32 w + 31 of a
 * set. The order of columns and bits is private to sum_pooling.c. */
#ifndef KERNEL_SUM_POOLING_H
#define KERNEL_SUM_POOLING_H

#include "base/precision.h"
#include "kernel/simd_set.h"
#include "spec/buffer_sizes.h"

#include <stdint.h>

/* pooled = scale * sum over the pairs of relu(z + b); signs for the backward pass.
 * z [sets, pairs, stride] in `precision`, b [stride] (padding zero), pooled [sets, stride],
 * signs [sets, sum_pooling_words(pairs), stride] */
SIMD_FUNCTION(void, sum_pooling_forward, float *pooled, uint32_t *signs, const void *z, const float *b,
              float scale, int sets, int pairs, int stride, enum precision precision);
#define sum_pooling_forward SIMD_CHOOSE(sum_pooling_forward)

/* dz = scale * dpooled where the sign is set, else 0; db += the sum of dz over all pairs.
 * dz [sets, pairs, stride] in `precision`, dpooled [sets, stride], db [stride] */
SIMD_FUNCTION(void, sum_pooling_backward, void *dz, float *db, const float *dpooled, const uint32_t *signs,
              float scale, int sets, int pairs, int stride, enum precision precision);
#define sum_pooling_backward SIMD_CHOOSE(sum_pooling_backward)

#endif
