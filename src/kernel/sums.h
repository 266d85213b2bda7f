/* Sums over long arrays: the same bits with every instruction set.
 *
 * Element i is added to partial sum i % 16, and the partial sums are added pairwise: l and l + 8, then l
 * and l + 4, 2, 1. */
#ifndef KERNEL_SUMS_H
#define KERNEL_SUMS_H

#include <stddef.h>

/* The sum of x[i] y[i], in chains of fused multiply-adds. */
float sums_dot(const float *x, const float *y, size_t count);

/* The sum of x[i], in double. */
double sums_total(const float *x, size_t count);

/* The sum of x[i] y[i], in double. */
double sums_dot_double(const float *x, const float *y, size_t count);

#endif
