/* Sums over long arrays: the same bits with every instruction set.
 *
 * Element i is added to partial sum i % 16, and the partial sums are added pairwise: l and l + 8, then l
 * and l + 4, 2, 1. */
#ifndef KERNEL_SUMS_H
#define KERNEL_SUMS_H

#include "kernel/simd_set.h"

#include <stdbool.h>
#include <stddef.h>

/* The sum of x[i] y[i], in chains of fused multiply-adds. */
SIMD_FUNCTION(float, sums_dot, const float *x, const float *y, size_t count);
#define sums_dot SIMD_CHOOSE(sums_dot)

/* The sum of x[i], in double. */
SIMD_FUNCTION(double, sums_total, const float *x, size_t count);
#define sums_total SIMD_CHOOSE(sums_total)

/* The sum of x[i] y[i], in double. */
SIMD_FUNCTION(double, sums_dot_double, const float *x, const float *y, size_t count);
#define sums_dot_double SIMD_CHOOSE(sums_dot_double)

/* to[i] = a[i] + b[i]. `to` may be `a`. */
SIMD_FUNCTION(void, sums_add, float *to, const float *a, const float *b, size_t count);
#define sums_add SIMD_CHOOSE(sums_add)

/* Whether all elements are finite. */
SIMD_FUNCTION(bool, sums_finite, const float *x, size_t count);
#define sums_finite SIMD_CHOOSE(sums_finite)

#endif
