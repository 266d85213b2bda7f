/* Linear least squares by Householder QR with column pivoting, in double. Sums have a fixed order, so the
 * bits are the same with every instruction set. */
#ifndef KERNEL_LEAST_SQUARES_H
#define KERNEL_LEAST_SQUARES_H

#include <stddef.h>

/* Doubles of the `work` of least_squares. */
size_t least_squares_work(int rows, int unknowns);

/* Computes the w [unknowns, right_sides] of minimum Frobenius norm that minimises |x w - y|. Columns of x
 * count as dependent if their independent part is at most max(rows, unknowns) 2^-52 times that of the first
 * pivot. Matrices are column-major; x and y are overwritten.
 *
 * x [rows, unknowns], y [max(rows, unknowns), right_sides]: its first `unknowns` rows become w,
 * work [least_squares_work] */
void least_squares(double *x, double *y, int rows, int unknowns, int right_sides, double *work);

#endif
