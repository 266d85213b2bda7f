#include "kernel/pooling_moments.h"

#include "kernel/lanes.h"

#include <math.h>

enum { BLOCK = 4 }; // so many vectors of a row at a time
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
    for (int p = 0; p < pairs; p++)
        for (int l = 0; l < block; l++)
            mean[l] += lanes_load(z, (size_t)p * stride + column + (size_t)l * LANES, precision);
    for (int l = 0; l < block; l++)
        mean[l] *= each;
    for (int p = 0; p < pairs; p++)
        for (int l = 0; l < block; l++) {
            float_lanes distance =
                lanes_load(z, (size_t)p * stride + column + (size_t)l * LANES, precision) - mean[l];
            variance[l] += distance * distance;
        }
    for (int l = 0; l < block; l++) {
        size_t at = column + (size_t)l * LANES;
        lanes_store(moments, at, mean[l], PRECISION_FP32);
        lanes_store(moments, stride + at, root(each * variance[l] + variance_floor), PRECISION_FP32);
    }
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
    float_lanes mean[BLOCK], constant[BLOCK], slope[BLOCK];
    float each = 1.0f / (float)pairs;
    for (int l = 0; l < block; l++) {
        size_t at = column + (size_t)l * LANES;
        mean[l] = lanes_load(moments, at, PRECISION_FP32);
        constant[l] = each * lanes_load(dmoments, at, PRECISION_FP32);
        slope[l] = each * lanes_load(dmoments, stride + at, PRECISION_FP32) /
                   lanes_load(moments, stride + at, PRECISION_FP32);
    }
    for (int p = 0; p < pairs; p++)
        for (int l = 0; l < block; l++) {
            size_t at = (size_t)p * stride + column + (size_t)l * LANES;
            lanes_store(z, at, constant[l] + slope[l] * (lanes_load(z, at, precision) - mean[l]), precision);
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

void pooling_moments_forward(float *moments, const void *z, int sets, int pairs, int stride,
                             enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward_fp32(moments, z, sets, pairs, stride);
    else
        forward_bf16(moments, z, sets, pairs, stride);
}

void pooling_moments_backward(void *z, const float *dmoments, const float *moments, int sets, int pairs,
                              int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        backward_fp32(z, dmoments, moments, sets, pairs, stride);
    else
        backward_bf16(z, dmoments, moments, sets, pairs, stride);
}
