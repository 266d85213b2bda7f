/* Symmetric matrices [n, n] in double, stored row by row, of which only the lower triangle is read. Sums have
 * a fixed order. */
#ifndef KERNEL_SYMMETRIC_H
#define KERNEL_SYMMETRIC_H

#include <stdbool.h>

/* Replaces the lower triangle of a by its Cholesky factor L, with a = L L^T. False if a is not positive
 * definite. */
bool symmetric_cholesky(double *a, int n);

/* Replaces the lower triangle of l, which is not singular, by its inverse. */
void symmetric_invert_factor(double *l, int n);

/* Number of eigenvalues of a below `bound`. Overwrites a.  work [2 n] */
int symmetric_eigenvalues_below(double *a, int n, double bound, double *work);

#endif
