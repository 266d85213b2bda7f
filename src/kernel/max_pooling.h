/* The maximum over a set's pairs, and the way back through it and the linear layer before it.
 *
 * Of each column of a set one pair wins, the first that has the maximum, and it alone takes the gradient: the
 * products of the way back are over one pair a column instead of all of them, and pairs that win nothing have
 * no gradient at all. */
#ifndef KERNEL_MAX_POOLING_H
#define KERNEL_MAX_POOLING_H

#include "base/precision.h"

#include <stdint.h>

/* pooled = maximum over the pairs of z; NaN, if there is one, wins.
 * z [sets, pairs, stride] in `precision`, pooled [sets, stride], winner [sets, stride]: its pair */
void max_pooling_forward(float *pooled, int32_t *winner, const void *z, int sets, int pairs, int stride,
                         enum precision precision);

/* The pairs of some sets that won at least one column, in order, and which columns. */
struct max_pooling_argmax {
    int rows;
    int32_t *row;    // [rows]: set * pairs + pair
    int32_t *first;  // [rows + 1]: its columns begin here
    int32_t *column; // [sets * width]
};

/* Fills *winners, whose arrays the caller provides: row [sets * min(width, pairs)], first [that and one],
 * column [sets * width]; count [pairs + 1] is room to work in.  winner [sets, stride] */
void max_pooling_list_argmax(struct max_pooling_argmax *winners, const int32_t *winner, int sets, int pairs,
                             int width, int stride, int32_t *count);

/* The gradients of z = h w^T, given de at the winning z alone: dz = w^T de where h is positive (h is a ReLU's
 * output), dw += de h^T, db += the sum of dz over rows. dz [winners->rows, stride] in `precision`, dw [width,
 * stride], db [stride], de [sets, width], w [width, stride] and h [sets, pairs, stride] in `precision` */
void max_pooling_backward(void *dz, float *dw, float *db, const struct max_pooling_argmax *winners,
                          const float *de, int pairs, int width, const void *w, const void *h, int stride,
                          enum precision precision);

#endif
