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
typedef simd_array *simd_array_of(enum simd_function function);
typedef void simd_array_fma(float *y, const float *a, const float *b, const float *c, size_t count);
SIMD_DECLARE(simd_array_of, simd_arrays_of);
SIMD_DECLARE(simd_array_fma, simd_arrays_fma);

static inline void simd_arrays(enum simd_function function, float *y, const float *x, size_t count)
{
    static simd_array_of *const functions[SIMD_SETS] = SIMD_TABLE(simd_arrays_of);
    functions[simd_set_current()](function)(y, x, count);
}

static inline void simd_arrays_fma(float *y, const float *a, const float *b, const float *c, size_t count)
{
    static simd_array_fma *const functions[SIMD_SETS] = SIMD_TABLE(simd_arrays_fma);
    functions[simd_set_current()](y, a, b, c, count);
}

#endif
