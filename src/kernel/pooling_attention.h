/* Pooling by attention: for each query a weighted sum over a set's pairs, the weights a softmax of h . v.
 *
 * A query here is a vector v on the rows h themselves; what stands for keys and values is for the caller to fold into v and to
 * apply to the sums. Weights and their gradients are fp32, with rows padded: w = lanes_stride(queries). */
#ifndef KERNEL_POOLING_ATTENTION_H
#define KERNEL_POOLING_ATTENTION_H

#include "kernel/lanes.h"

#include <stddef.h>

/* Floats of `scratch`: the gradient at a set's scores, and its rows as fp32 if they are stored as something else. */
static inline size_t pooling_attention_scratch(int pairs, int queries, int stride, enum precision precision)
{
    int wide = precision == PRECISION_FP32 ? 0 : stride;
    return (size_t)pairs * (size_t)(lanes_stride(queries) + wide);
}

/* h, given without its bias, becomes relu(h + b). weights = softmax over the pairs of h . v, pooled = the sum of weights h.
 * h [sets, pairs, stride] in `precision`, b [stride] (padding zero), v [queries, stride], weights [sets, pairs, w],
 * pooled [sets, queries, stride] */
void pooling_attention_forward(float *pooled, float *weights, void *h, const float *b, const float *v,
                               int sets, int pairs, int queries, int stride, float *scratch,
                               enum precision precision);

/* dz = the gradient at h where h is positive, else 0; db += its sum over all pairs, dv += the gradient of v.
 * dz as h, db [stride], dv as v, dpooled as pooled */
void pooling_attention_backward(void *dz, float *db, float *dv, const float *dpooled, const float *weights,
                                const void *h, const float *v, int sets, int pairs, int queries, int stride,
                                float *scratch, enum precision precision);

#endif
