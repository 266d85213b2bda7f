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

/* Operands of attention pooling. */
struct attention_pooling {
    int sets, pairs, queries, stride;
    enum precision precision;
    void *h;            // [sets, pairs, stride] in `precision`
    const float *bias;  // [stride], read by the forward pass; its padding is zero
    const float *query; // v [queries, stride]
    float *weights;     // [sets, queries, w]
    float *pooled;      // [sets, queries, stride]
    float *scratch;     // [attention_pooling_scratch], see spec/buffer_sizes.h

    // The backward pass reads dpooled, writes dz, and adds to dbias and dquery.
    const float *dpooled; // [sets, queries, stride]
    void *dz;             // [sets, pairs, stride] in `precision`
    float *dbias;         // [stride]
    float *dquery;        // [queries, stride]
};

/* Replaces h by relu(h + bias). weights = softmax over the pairs of v . h, zero in the padding; pooled = sum
 * over the pairs of weight * h. */
SIMD_FUNCTION(void, attention_pooling_forward, const struct attention_pooling *a);
#define attention_pooling_forward SIMD_CHOOSE(attention_pooling_forward)

/* After attention_pooling_forward, with its results: dz = the gradient at h where h is positive, else 0;
 * dbias += the sum of dz over all pairs; dquery += the gradient at v. */
SIMD_FUNCTION(void, attention_pooling_backward, const struct attention_pooling *a);
#define attention_pooling_backward SIMD_CHOOSE(attention_pooling_backward)

#endif
