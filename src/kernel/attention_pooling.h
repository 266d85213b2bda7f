/* Pooling by attention: per query a weighted sum over the rows h of a set's pairs; the weights are the
 * softmax of h . v.
 *
 * A query is a vector v with which the caller has merged the key weights; the caller applies the value
 * weights to the pooled rows. Weights and their gradients are fp32, one row of w = lanes_stride(pairs)
 * elements per query. */
#ifndef KERNEL_ATTENTION_POOLING_H
#define KERNEL_ATTENTION_POOLING_H

#include "base/precision.h"
#include "kernel/simd_set.h"

#include <stddef.h>

/* Replaces h by relu(h + b). weights = softmax over the pairs of v . h, zero in the padding; pooled = sum
 * over the pairs of weight * h.
 *
 * h [sets, pairs, stride] in `precision`, b [stride] (padding zero), v [queries, stride],
 * weights [sets, queries, w], pooled [sets, queries, stride],
 * scratch [attention_pooling_scratch], see spec/buffer_sizes.h */
SIMD_FUNCTION(void, attention_pooling_forward, float *pooled, float *weights, void *h, const float *b,
              const float *v, int sets, int pairs, int queries, int stride, float *scratch,
              enum precision precision);
#define attention_pooling_forward SIMD_CHOOSE(attention_pooling_forward)

/* h: as attention_pooling_forward left it, after the ReLU. dz = the gradient at h where h is positive, else
 * 0; db += the sum of dz over all pairs; dv += the gradient at v.
 *
 * dz [sets, pairs, stride] in `precision`, db [stride], dv [queries, stride],
 * dpooled [sets, queries, stride] */
SIMD_FUNCTION(void, attention_pooling_backward, void *dz, float *db, float *dv, const float *dpooled,
              const float *pooled, const float *weights, const void *h, const float *v, int sets, int pairs,
              int queries, int stride, float *scratch, enum precision precision);
#define attention_pooling_backward SIMD_CHOOSE(attention_pooling_backward)

#endif
