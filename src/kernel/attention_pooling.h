/* Pooling by attention: for each query a weighted sum over a set's pairs, the weights a softmax of h . v.
 *
 * A query here is a vector v on the rows h themselves; what stands for keys and values is for the caller to
 * fold into v and to apply to the sums. Weights and their gradients are fp32, a row of them a query's: w =
 * lanes_stride(pairs). */
#ifndef KERNEL_ATTENTION_POOLING_H
#define KERNEL_ATTENTION_POOLING_H

#include "kernel/lanes.h"

#include <stddef.h>

/* h, given without its bias, becomes relu(h + b). weights = softmax over the pairs of v . h, zero in the
 * padding; pooled = the sum of weights h. signs (of fp32; NULL: not asked for): bit p % 32 of word p / 32
 * says whether h is positive at pair p. h [sets, pairs, stride] in `precision`, b [stride] (padding zero), v
 * [queries, stride], weights [sets, queries, w], pooled [sets, queries, stride], signs [sets,
 * sum_pooling_words(pairs), stride] */
void attention_pooling_forward(float *pooled, float *weights, uint32_t *signs, void *h, const float *b,
                               const float *v, int sets, int pairs, int queries, int stride, float *scratch,
                               enum precision precision);

/* dz = the gradient at h where h is positive, else 0; db += its sum over all pairs, dv += the gradient of v.
 * dz as h, db [stride], dv as v, dpooled as pooled */
void attention_pooling_backward(void *dz, float *db, float *dv, const float *dpooled, const float *pooled,
                                const float *weights, const void *h, const float *v, int sets, int pairs,
                                int queries, int stride, float *scratch, enum precision precision);

/* The same in fp32 with dz transposed, [width, ld], the pairs of a set behind those of the one before, then
 * zeros. dz has room for POOLING_WORD numbers more. */
void attention_pooling_backward_transposed(float *dz, float *db, float *dv, const float *dpooled,
                                           const float *pooled, const float *weights, const uint32_t *signs,
                                           const float *h, const float *v, int sets, int pairs, int queries,
                                           int stride, int width, int ld, float *scratch);

#endif
