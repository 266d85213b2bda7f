/* Pooling by attention: for each query a weighted sum over a set's pairs, the weights a softmax of h . v.
 *
 * A query here is a vector v on the rows h themselves; what stands for keys and values is for the caller to fold into v and to
 * apply to the sums. Weights and their gradients are fp32, with rows padded: w = lanes_stride(queries). */
#ifndef KERNEL_POOLING_ATTENTION_H
#define KERNEL_POOLING_ATTENTION_H

#include "base/precision.h"

/* h, given without its bias, becomes relu(h + b). weights = softmax over the pairs of h . v, pooled = the sum of weights h.
 * h [sets, pairs, stride] in `precision`, b [stride] (padding zero), v [queries, stride], weights [sets, pairs, w],
 * pooled [sets, queries, stride] */
void pooling_attention_forward(float *pooled, float *weights, void *h, const float *b, const float *v,
                               int sets, int pairs, int queries, int stride, enum precision precision);

/* dz = the gradient at h where h is positive, else 0; db += its sum over all pairs, dv += the gradient of v.
 * dz as h, db [stride], dv as v, dpooled as pooled; scratch [pairs, w] */
void pooling_attention_backward(void *dz, float *db, float *dv, const float *dpooled, const float *weights,
                                const void *h, const float *v, int sets, int pairs, int queries, int stride,
                                float *scratch, enum precision precision);

#endif
