/* Bias, ReLU and the sum over a set's pairs in one pass behind a gemm, and the way back.
 *
 * Of the activations only their signs are kept, as bits: word w of a column holds pairs 32 w .. 32 w + 31 of
 * a set; in which order the columns lie is known to these two functions alone. */
#ifndef KERNEL_SUM_POOLING_H
#define KERNEL_SUM_POOLING_H

#include "base/precision.h"
#include "spec/buffer_sizes.h"

#include <stdint.h>

/* pooled = scale * sum over the pairs of relu(z + b); signs for the way back.
 * z [sets, pairs, stride] in `precision`, b [stride] (padding zero), pooled [sets, stride], signs [sets,
 * words, stride] */
void sum_pooling_forward(float *pooled, uint32_t *signs, const void *z, const float *b, float scale, int sets,
                         int pairs, int stride, enum precision precision);

/* dz = scale * dpooled where the sign is set, else 0; db += its sum over all pairs.
 * dz [sets, pairs, stride] in `precision`, dpooled [sets, stride], db [stride] */
void sum_pooling_backward(void *dz, float *db, const float *dpooled, const uint32_t *signs, float scale,
                          int sets, int pairs, int stride, enum precision precision);

/* The same dz transposed, [width, ld], and zeros up to ld, sets * pairs rounded up by less than POOLING_WORD:
 * as a product with it from the left wants it. The buffer has room for POOLING_WORD numbers more. db: NULL if
 * it has been added to. */
void sum_pooling_backward_transposed(void *dz, float *db, const float *dpooled, const uint32_t *signs,
                                     float scale, int sets, int pairs, int stride, int width, int ld,
                                     enum precision precision);

#endif
