#include "kernel/moments_pooling.h"

#include "kernel/simd_rows.h"

static const float variance_floor = 1e-6f;

SIMD_INLINE void set_forward(float *restrict moments, const void *restrict z, int pairs, size_t stride,
                             size_t column, const int block, const enum precision precision)
{
    simd_float mean[BLOCK] = {{0}}, variance[BLOCK] = {{0}};
    float each = 1.0f / (float)pairs;
    for (int p = 0; p < pairs; p++) {
        simd_float value[BLOCK];
        columns_load(value, z, (size_t)p * stride + column, block, precision);
        for (int l = 0; l < block; l++)
            mean[l] += value[l];
    }
    for (int l = 0; l < block; l++)
        mean[l] *= each;
    for (int p = 0; p < pairs; p++) {
        simd_float value[BLOCK];
        columns_load(value, z, (size_t)p * stride + column, block, precision);
        for (int l = 0; l < block; l++) {
            simd_float distance = value[l] - mean[l];
            variance[l] = simd_fma(distance, distance, variance[l]);
        }
    }
    for (int l = 0; l < block; l++)
        variance[l] = simd_sqrt(each * variance[l] + variance_floor);
    columns_store_with(moments, column, mean, block, precision);
    columns_store_with(moments, stride + column, variance, block, precision);
}

SIMD_INLINE void forward(float *moments, const void *z, int sets, int pairs, size_t stride,
                         const enum precision precision)
{
    for (int set = 0; set < sets; set++) {
        size_t j = 0;
        for (; j + BLOCK * SIMD_FLOATS <= stride; j += BLOCK * SIMD_FLOATS)
            set_forward(moments, z, pairs, stride, j, BLOCK, precision);
        for (; j < stride; j += SIMD_FLOATS)
            set_forward(moments, z, pairs, stride, j, 1, precision);
        moments += 2 * stride;
        z = (const char *)z + (size_t)pairs * stride * precision_bytes(precision);
    }
}

// dz = dmean / n + ddeviation (z - mean) / (n deviation)
SIMD_INLINE void set_backward(void *restrict z, const float *restrict dmoments, const float *restrict moments,
                              int pairs, size_t stride, size_t column, const int block,
                              const enum precision precision)
{
    simd_float mean[BLOCK], deviation[BLOCK], constant[BLOCK], slope[BLOCK];
    float each = 1.0f / (float)pairs;
    columns_load_with(mean, moments, column, block, precision);
    columns_load_with(deviation, moments, stride + column, block, precision);
    columns_load_with(constant, dmoments, column, block, precision);
    columns_load_with(slope, dmoments, stride + column, block, precision);
    for (int l = 0; l < block; l++) {
        constant[l] *= each;
        slope[l] *= each / deviation[l];
    }
    for (int p = 0; p < pairs; p++) {
        simd_float value[BLOCK];
        size_t at = (size_t)p * stride + column;
        columns_load(value, z, at, block, precision);
        for (int l = 0; l < block; l++)
            value[l] = simd_fma(slope[l], value[l] - mean[l], constant[l]);
        columns_store(z, at, value, block, precision);
    }
}

SIMD_INLINE void backward(void *z, const float *dmoments, const float *moments, int sets, int pairs,
                          size_t stride, const enum precision precision)
{
    for (int set = 0; set < sets; set++) {
        size_t j = 0;
        for (; j + BLOCK * SIMD_FLOATS <= stride; j += BLOCK * SIMD_FLOATS)
            set_backward(z, dmoments, moments, pairs, stride, j, BLOCK, precision);
        for (; j < stride; j += SIMD_FLOATS)
            set_backward(z, dmoments, moments, pairs, stride, j, 1, precision);
        moments += 2 * stride;
        dmoments += 2 * stride;
        z = (char *)z + (size_t)pairs * stride * precision_bytes(precision);
    }
}

void SIMD_NAME(moments_pooling_forward)(float *moments, const void *z, int sets, int pairs, int stride,
                                        enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward(moments, z, sets, pairs, (size_t)stride, PRECISION_FP32);
    else
        forward(moments, z, sets, pairs, (size_t)stride, PRECISION_BF16);
}

void SIMD_NAME(moments_pooling_backward)(void *z, const float *dmoments, const float *moments, int sets,
                                         int pairs, int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        backward(z, dmoments, moments, sets, pairs, (size_t)stride, PRECISION_FP32);
    else
        backward(z, dmoments, moments, sets, pairs, (size_t)stride, PRECISION_BF16);
}
