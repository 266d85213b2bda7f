/* Linear least squares, by LAPACK. */
#ifndef KERNEL_LEAST_SQUARES_H
#define KERNEL_LEAST_SQUARES_H

#include <stddef.h>

/* Doubles of the `work` of least_squares. */
size_t least_squares_work(int rows, int unknowns, int right_sides);

/* Computes the w [unknowns, right_sides] of minimum Frobenius norm that minimises |x w - y|. One thread.
 * Column-major as in LAPACK; x and y are overwritten.
 *
 * x [rows, unknowns], y [max(rows, unknowns), right_sides]: its first `unknowns` rows become w,
 * work [least_squares_work] */
void least_squares(double *x, double *y, int rows, int unknowns, int right_sides, double *work);

#endif
