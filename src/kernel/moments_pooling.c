#include "kernel/moments_pooling.h"

#include "kernel/column_blocks.h"

#include <math.h>

static const float variance_floor = 1e-6f;

INLINE float_lanes root(float_lanes value)
{
    for (int i = 0; i < LANES; i++)
        value[i] = sqrtf(value[i]);
    return value;
}

INLINE void set_forward(float *restrict moments, const void *restrict z, int pairs, size_t stride,
                        size_t column, const int block, const enum precision precision)
{
    float_lanes mean[BLOCK] = {{0}}, variance[BLOCK] = {{0}};
    float each = 1.0f / (float)pairs;
    for (int p = 0; p < pairs; p++) {
        float_lanes value[BLOCK];
        columns_load(value, z, (size_t)p * stride + column, block, precision);
        for (int l = 0; l < block; l++)
            mean[l] += value[l];
    }
    for (int l = 0; l < block; l++)
        mean[l] *= each;
    for (int p = 0; p < pairs; p++) {
        float_lanes value[BLOCK];
        columns_load(value, z, (size_t)p * stride + column, block, precision);
        for (int l = 0; l < block; l++) {
            float_lanes distance = value[l] - mean[l];
            variance[l] += distance * distance;
        }
    }
    for (int l = 0; l < block; l++)
        variance[l] = root(each * variance[l] + variance_floor);
    columns_store_with(moments, column, mean, block, precision);
    columns_store_with(moments, stride + column, variance, block, precision);
}

INLINE void forward(float *moments, const void *z, int sets, int pairs, size_t stride,
                    const enum precision precision)
{
    for (int set = 0; set < sets; set++) {
        size_t j = 0;
        for (; j + BLOCK * LANES <= stride; j += BLOCK * LANES)
            set_forward(moments, z, pairs, stride, j, BLOCK, precision);
        for (; j < stride; j += LANES)
            set_forward(moments, z, pairs, stride, j, 1, precision);
        moments += 2 * stride;
        z = (const char *)z + (size_t)pairs * stride * precision_bytes(precision);
    }
}

// dz = dmean / n + ddeviation (z - mean) / (n deviation)
INLINE void set_backward(void *restrict z, const float *restrict dmoments, const float *restrict moments,
                         int pairs, size_t stride, size_t column, const int block,
                         const enum precision precision)
{
    float_lanes mean[BLOCK], deviation[BLOCK], constant[BLOCK], slope[BLOCK];
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
        float_lanes value[BLOCK];
        size_t at = (size_t)p * stride + column;
        columns_load(value, z, at, block, precision);
        for (int l = 0; l < block; l++)
            value[l] = constant[l] + slope[l] * (value[l] - mean[l]);
        columns_store(z, at, value, block, precision);
    }
}

INLINE void backward(void *z, const float *dmoments, const float *moments, int sets, int pairs, size_t stride,
                     const enum precision precision)
{
    for (int set = 0; set < sets; set++) {
        size_t j = 0;
        for (; j + BLOCK * LANES <= stride; j += BLOCK * LANES)
            set_backward(z, dmoments, moments, pairs, stride, j, BLOCK, precision);
        for (; j < stride; j += LANES)
            set_backward(z, dmoments, moments, pairs, stride, j, 1, precision);
        moments += 2 * stride;
        dmoments += 2 * stride;
        z = (char *)z + (size_t)pairs * stride * precision_bytes(precision);
    }
}

CLONES
static void forward_fp32(float *moments, const float *z, int sets, int pairs, int stride)
{
    forward(moments, z, sets, pairs, (size_t)stride, PRECISION_FP32);
}

CLONES
static void forward_bf16(float *moments, const uint16_t *z, int sets, int pairs, int stride)
{
    forward(moments, z, sets, pairs, (size_t)stride, PRECISION_BF16);
}

CLONES
static void backward_fp32(float *z, const float *dmoments, const float *moments, int sets, int pairs,
                          int stride)
{
    backward(z, dmoments, moments, sets, pairs, (size_t)stride, PRECISION_FP32);
}

CLONES
static void backward_bf16(uint16_t *z, const float *dmoments, const float *moments, int sets, int pairs,
                          int stride)
{
    backward(z, dmoments, moments, sets, pairs, (size_t)stride, PRECISION_BF16);
}

void moments_pooling_forward(float *moments, const void *z, int sets, int pairs, int stride,
                             enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward_fp32(moments, z, sets, pairs, stride);
    else
        forward_bf16(moments, z, sets, pairs, stride);
}

void moments_pooling_backward(void *z, const float *dmoments, const float *moments, int sets, int pairs,
                              int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        backward_fp32(z, dmoments, moments, sets, pairs, stride);
    else
        backward_bf16(z, dmoments, moments, sets, pairs, stride);
}
