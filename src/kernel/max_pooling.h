/* Maximum over a set's pairs, and the backward pass through the maximum and the linear layer before it.
 *
 * In each column of a set only the argmax, the first pair that has the maximum, has a gradient. So the
 * backward pass of the linear layer multiplies one pair per column instead of all, and pairs that are no
 * argmax have gradient 0. */
#ifndef KERNEL_MAX_POOLING_H
#define KERNEL_MAX_POOLING_H

#include "base/precision.h"
#include "kernel/simd_set.h"

#include <stdint.h>

/* pooled = maximum over the pairs of z, NaN if any is NaN; argmax = index of its pair.
 * z [sets, pairs, stride] in `precision`, pooled [sets, stride], argmax [sets, stride] */
SIMD_FUNCTION(void, max_pooling_forward, float *pooled, int32_t *argmax, const void *z, int sets, int pairs,
              int stride, enum precision precision);
#define max_pooling_forward SIMD_CHOOSE(max_pooling_forward)

/* The pairs of a few sets that are the argmax of at least one column, in ascending order, and those columns.
 */
struct max_pooling_argmax {
    int rows;
    int32_t *row;    // [rows]: set * pairs + pair
    int32_t *first;  // [rows + 1]: index in `column` of a row's first column
    int32_t *column; // [sets * width]
};

/* Fills *list, whose arrays the caller provides: row [sets * min(width, pairs)], first [one more],
 * column [sets * width].  argmax [sets, stride], count [pairs + 1] is scratch */
SIMD_FUNCTION(void, max_pooling_list_argmax, struct max_pooling_argmax *list, const int32_t *argmax, int sets,
              int pairs, int width, int stride, int32_t *count);
#define max_pooling_list_argmax SIMD_CHOOSE(max_pooling_list_argmax)

/* Backward pass of z = h w^T, where h is the output of a ReLU and de the gradient at the maxima of z: dz, the
 * gradient before the ReLU at the rows of `list`, = w^T de where h is positive, else 0; dw += de h^T; db +=
 * the sum of dz over rows.
 *
 * dz [list->rows, stride] in `precision`, dw [width, stride], db [stride], de [sets, width],
 * w [width, stride] and h [sets, pairs, stride] in `precision` */
SIMD_FUNCTION(void, max_pooling_backward, void *dz, float *dw, float *db,
              const struct max_pooling_argmax *list, const float *de, int pairs, int width, const void *w,
              const void *h, int stride, enum precision precision);
#define max_pooling_backward SIMD_CHOOSE(max_pooling_backward)

#endif
