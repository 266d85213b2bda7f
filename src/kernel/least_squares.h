/* Linear least squares, by LAPACK. */
#ifndef KERNEL_LEAST_SQUARES_H
#define KERNEL_LEAST_SQUARES_H

#include <stddef.h>

/* Numbers that least_squares needs to work in. */
size_t least_squares_work(int rows, int unknowns, int right_sides);

/* The w [unknowns, right_sides] of least Frobenius norm among those that minimise |x w - y|. One thread, so
 * the same bits everywhere. Column-major, as LAPACK has it; x and y are overwritten. x [unknowns columns of
 * rows], y [right_sides columns of max(rows, unknowns)]: holds w in the first `unknowns` of each on return;
 * work [least_squares_work] */
void least_squares(double *x, double *y, int rows, int unknowns, int right_sides, double *work);

#endif
