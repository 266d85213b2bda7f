/* Linear least squares by Householder QR with column pivoting, in double. Sums have a fixed order, so the
 * bits are the same with every instruction set. */
#ifndef KERNEL_LEAST_SQUARES_H
#define KERNEL_LEAST_SQUARES_H

#include "kernel/simd_set.h"

#include <stddef.h>

/* Doubles of the `work` of least_squares. */
static inline size_t least_squares_work(int rows, int unknowns)
{
    size_t min = (size_t)(rows < unknowns ? rows : unknowns), columns = (size_t)unknowns;
    return 3 * columns + 2 * min + min * columns; // the second half for the QR of R^T
}

/* Computes the w [unknowns, right_sides] of minimum Frobenius norm that minimises |x w - y|. Columns of x
 * count as dependent if their independent part is at most max(rows, unknowns) 2^-52 times that of the first
 * pivot. Matrices are column-major; x and y are overwritten.
 *
 * x [rows, unknowns], y [max(rows, unknowns), right_sides]: its first `unknowns` rows become w,
 * work [least_squares_work] */
SIMD_FUNCTION(void, least_squares, double *x, double *y, int rows, int unknowns, int right_sides,
              double *work);
#define least_squares SIMD_CHOOSE(least_squares)

#endif
