/* Linear algebra on BATCHED small systems side by side, in double.
 *
 * Every array is [.., BATCHED]: element l belongs to system l. The systems do not affect each other, and an
 * element has the same bits in every position and with every instruction set. */
#ifndef KERNEL_BATCHED_H
#define KERNEL_BATCHED_H

#include "kernel/simd_set.h"

#include <stddef.h>

enum { BATCHED = 8 };

/* Matrices [rows, columns]: element (i, j) of system l is at x[(i * row_stride + j * column_stride) * BATCHED
 * + l]. */
struct batched_matrix {
    const double *x;
    int rows, columns;
    size_t row_stride, column_stride;
};

/* Elements of the lower triangle of a symmetric matrix [n, n], stored row by row. */
static inline size_t batched_triangle(int n)
{
    return (size_t)n * ((size_t)n + 1) / 2;
}

/* Adds x^T x to a.  a [batched_triangle(columns), BATCHED] */
SIMD_FUNCTION(void, batched_add_gram, const struct batched_matrix *x, double *a);
#define batched_add_gram SIMD_CHOOSE(batched_add_gram)

/* Adds x^T v to y.  v [rows, BATCHED], y [columns, BATCHED] */
SIMD_FUNCTION(void, batched_add_product, const struct batched_matrix *x, const double *v, double *y);
#define batched_add_product SIMD_CHOOSE(batched_add_product)

/* Replaces a by its Cholesky factor L, with a = L L^T. A system that is not positive definite gets NaN.
 * a [batched_triangle(n), BATCHED] */
SIMD_FUNCTION(void, batched_cholesky, double *a, int n);
#define batched_cholesky SIMD_CHOOSE(batched_cholesky)

/* Solves L L^T x = b in place.  l [batched_triangle(n), BATCHED], b [n, BATCHED] */
SIMD_FUNCTION(void, batched_solve, const double *l, int n, double *b);
#define batched_solve SIMD_CHOOSE(batched_solve)

#endif
