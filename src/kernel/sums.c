#include "kernel/sums.h"

#include "kernel/simd.h"

enum { VECTORS = SIMD_SUMS / SIMD_FLOATS, DOUBLES = SIMD_FLOATS / 2, DOUBLE_VECTORS = SIMD_SUMS / DOUBLES };

typedef float half_float __attribute__((vector_size(4 * DOUBLES)));
typedef double vector_double __attribute__((vector_size(8 * DOUBLES)));

SIMD_INLINE vector_double widened(const float *from)
{
    half_float half;
    memcpy(&half, from, sizeof half);
    return __builtin_convertvector(half, vector_double);
}

// Copies up to 16 elements and fills up with zeros, which change no sum.
static const float *filled(float copy[SIMD_SUMS], const float *from, size_t count)
{
    memset(copy, 0, SIMD_SUMS * sizeof *copy);
    memcpy(copy, from, count * sizeof *from);
    return copy;
}

SIMD_INLINE void add_products(simd_float sum[VECTORS], const float *x, const float *y)
{
    for (int v = 0; v < VECTORS; v++)
        sum[v] = simd_fma(simd_load(x + v * SIMD_FLOATS), simd_load(y + v * SIMD_FLOATS), sum[v]);
}

SIMD_INLINE void add_doubles(vector_double sum[DOUBLE_VECTORS], const float *x, const float *y)
{
    for (int v = 0; v < DOUBLE_VECTORS; v++) {
        vector_double value = widened(x + v * DOUBLES);
        sum[v] += y ? value * widened(y + v * DOUBLES) : value; // a product of floats is exact in double
    }
}

SIMD_INLINE double sum_in_double(const float *x, const float *y, size_t count)
{
    vector_double sum[DOUBLE_VECTORS] = {{0}};
    double part[SIMD_SUMS];
    float rest_x[SIMD_SUMS], rest_y[SIMD_SUMS];
    size_t i = 0;
    for (; i + SIMD_SUMS <= count; i += SIMD_SUMS)
        add_doubles(sum, x + i, y ? y + i : NULL);
    add_doubles(sum, filled(rest_x, x + i, count - i), y ? filled(rest_y, y + i, count - i) : NULL);
    memcpy(part, sum, sizeof part);
    for (int parts = SIMD_SUMS / 2; parts > 0; parts /= 2)
        for (int l = 0; l < parts; l++)
            part[l] += part[l + parts];
    return part[0];
}

float SIMD_NAME(sums_dot)(const float *x, const float *y, size_t count)
{
    simd_float sum[VECTORS] = {{0}};
    float part[SIMD_SUMS], rest_x[SIMD_SUMS], rest_y[SIMD_SUMS];
    size_t i = 0;
    for (; i + SIMD_SUMS <= count; i += SIMD_SUMS)
        add_products(sum, x + i, y + i);
    add_products(sum, filled(rest_x, x + i, count - i), filled(rest_y, y + i, count - i));
    memcpy(part, sum, sizeof part);
    for (int parts = SIMD_SUMS / 2; parts > 0; parts /= 2)
        for (int l = 0; l < parts; l++)
            part[l] += part[l + parts];
    return part[0];
}

double SIMD_NAME(sums_total)(const float *x, size_t count)
{
    return sum_in_double(x, NULL, count);
}

double SIMD_NAME(sums_dot_double)(const float *x, const float *y, size_t count)
{
    return sum_in_double(x, y, count);
}

void SIMD_NAME(sums_add)(float *to, const float *a, const float *b, size_t count)
{
    size_t i = 0;
    for (; i + SIMD_FLOATS <= count; i += SIMD_FLOATS)
        simd_store(to + i, simd_load(a + i) + simd_load(b + i));
    for (; i < count; i++)
        to[i] = a[i] + b[i];
}

// Compares bits, since the bits of every finite |value| are below those of infinity. A sum of finite values
// could overflow.
bool SIMD_NAME(sums_finite)(const float *x, size_t count)
{
    int32_t max = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= INT32_MAX;
        max = bits > max ? bits : max;
    }
    return max < 0x7f800000;
}
