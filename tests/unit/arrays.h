/* Arrays of the kernels' tests: floats for the reference, and the same numbers as they are stored. */
#ifndef TESTS_ARRAYS_H
#define TESTS_ARRAYS_H

#include "base/memory.h"
#include "kernel/operand.h"
#include "reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Residuals (worst error over the largest number): of fp32 sums of up to a few thousand terms, and of results
// that are then rounded to the eight bits of a bfloat16.
static const double sum_threshold __attribute__((unused)) = 2e-6;
static const double stored_threshold[] = {[PRECISION_FP32] = 2e-6, [PRECISION_BF16] = 0x1p-8 + 2e-6};

static inline float *filled(size_t count, int64_t seed)
{
    float *values = reference_floats(count);
    reference_fill(values, count, seed);
    return values;
}

// Rounds the values to the precision, in place; returns them as stored.
static inline void *stored(float *values, size_t count, enum precision precision)
{
    void *numbers = reference_floats(count);
    operand_copy(numbers, values, count, precision);
    if (precision == PRECISION_BF16)
        operand_widen(values, numbers, count);
    return numbers;
}

static inline float *loaded(const void *numbers, size_t count, enum precision precision)
{
    float *values = reference_floats(count);
    if (precision == PRECISION_BF16)
        operand_widen(values, numbers, count);
    else
        memcpy(values, numbers, count * sizeof *values);
    return values;
}

static inline void expect_stored(const void *got, const double *want, size_t count, enum precision precision)
{
    float *values = loaded(got, count, precision);
    assert_close(values, want, count, stored_threshold[precision]);
    memory_free((void **)&values);
}

static inline double *doubles(size_t count)
{
    return memory_small(count * sizeof(double));
}

static inline double *as_doubles(const float *values, size_t count)
{
    double *copy = doubles(count);
    for (size_t i = 0; i < count; i++)
        copy[i] = (double)values[i];
    return copy;
}

#define FREE_ALL(...) free_all((void *[]){__VA_ARGS__, NULL})
static inline void free_all(void **arrays)
{
    for (; *arrays; arrays++)
        free(*arrays); // memory_alloc's and memory_small's alike
}

static inline enum precision either(int i)
{
    return i == 0 ? PRECISION_FP32 : PRECISION_BF16;
}

#endif
