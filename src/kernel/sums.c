#include "kernel/sums.h"

#include "kernel/simd_set.h"

typedef float dot(const float *x, const float *y, size_t count);
typedef double total(const float *x, size_t count);
typedef double dot_double(const float *x, const float *y, size_t count);
SIMD_DECLARE(dot, sums_dot);
SIMD_DECLARE(total, sums_total);
SIMD_DECLARE(dot_double, sums_dot_double);

float sums_dot(const float *x, const float *y, size_t count)
{
    static dot *const functions[SIMD_SETS] = SIMD_TABLE(sums_dot);
    return functions[simd_set_current()](x, y, count);
}

double sums_total(const float *x, size_t count)
{
    static total *const functions[SIMD_SETS] = SIMD_TABLE(sums_total);
    return functions[simd_set_current()](x, count);
}

double sums_dot_double(const float *x, const float *y, size_t count)
{
    static dot_double *const functions[SIMD_SETS] = SIMD_TABLE(sums_dot_double);
    return functions[simd_set_current()](x, y, count);
}
