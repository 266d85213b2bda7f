/* Vectors of doubles, for files that are compiled once per instruction set (simd.h). Products and sums are
 * rounded separately, so they have the same bits with every instruction set. */
#ifndef KERNEL_SIMD_DOUBLE_H
#define KERNEL_SIMD_DOUBLE_H

#include "kernel/simd.h"

enum { SIMD_DOUBLES = SIMD_FLOATS / 2 };

typedef double simd_double __attribute__((vector_size(8 * SIMD_DOUBLES)));

/* Memory of any alignment. */
SIMD_INLINE simd_double simd_load_double(const double *from)
{
    simd_double value;
    memcpy(&value, from, sizeof value);
    return value;
}

SIMD_INLINE void simd_store_double(double *to, simd_double value)
{
    memcpy(to, &value, sizeof value);
}

#endif
