/* Functions of simd.h and simd_math.h over arrays whose length is a multiple of 16, with the instruction
 * set in use. */
#ifndef TESTS_SIMD_ARRAYS_H
#define TESTS_SIMD_ARRAYS_H

#include "kernel/simd_set.h"

#include <stddef.h>

enum simd_function {
    SIMD_EXP,
    SIMD_LOG,
    SIMD_SINE, // of 2 pi x
    SIMD_COSINE,
    SIMD_TANH,
    SIMD_ERF,
    SIMD_SQRT,
    SIMD_FUNCTIONS
};

typedef void simd_array(float *y, const float *x, size_t count);
SIMD_FUNCTION(simd_array *, simd_arrays_of, enum simd_function function);
SIMD_FUNCTION(void, simd_arrays_fma, float *y, const float *a, const float *b, const float *c, size_t count);
#define simd_arrays_fma SIMD_CHOOSE(simd_arrays_fma)

static inline void simd_arrays(enum simd_function function, float *y, const float *x, size_t count)
{
    SIMD_CHOOSE(simd_arrays_of)(function)(y, x, count);
}

#endif
