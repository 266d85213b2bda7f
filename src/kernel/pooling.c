#include "kernel/pooling.h"

#include "kernel/lanes.h"

enum { WORD = 32, BLOCK = 2 }; // so many vectors of a row at a time: sums and signs stay in registers

INLINE void set_forward(float *restrict pooled, uint32_t *restrict signs, const void *restrict z,
                        const float *restrict b, float scale, int pairs, size_t stride, size_t first_column,
                        const int block, const enum precision precision)
{
    float_lanes bias[BLOCK], sum[BLOCK];
    for (int l = 0; l < block; l++) {
        bias[l] = lanes_load(b, first_column + (size_t)l * LANES, PRECISION_FP32);
        sum[l] = (float_lanes){0};
    }
    for (int first = 0; first < pairs; first += WORD) {
        int count = pairs - first < WORD ? pairs - first : WORD;
        int_lanes word[BLOCK] = {{0}};
        for (int p = 0; p < count; p++) {
            size_t row = (size_t)(first + p) * stride + first_column;
            int32_t bit = (int32_t)(1u << p);
            for (int l = 0; l < block; l++) {
                float_lanes value = lanes_load(z, row + (size_t)l * LANES, precision) + bias[l];
                sum[l] += lanes_relu(value);
                word[l] |= (value > 0) & bit;
            }
        }
        for (int l = 0; l < block; l++)
            *(int_lanes *)(signs + (size_t)(first / WORD) * stride + first_column + l * LANES) = word[l];
    }
    for (int l = 0; l < block; l++)
        lanes_store(pooled, first_column + (size_t)l * LANES, scale * sum[l], PRECISION_FP32);
}

INLINE void forward(float *pooled, uint32_t *signs, const void *z, const float *b, float scale, int sets,
                    int pairs, size_t stride, const enum precision precision)
{
    size_t words = (size_t)pooling_words(pairs);
    for (int set = 0; set < sets; set++) {
        size_t j = 0;
        for (; j + BLOCK * LANES <= stride; j += BLOCK * LANES)
            set_forward(pooled, signs, z, b, scale, pairs, stride, j, BLOCK, precision);
        if (j < stride)
            set_forward(pooled, signs, z, b, scale, pairs, stride, j, 1, precision);
        pooled += stride;
        signs += words * stride;
        z = (const char *)z + (size_t)pairs * stride * precision_bytes(precision);
    }
}

INLINE void set_backward(void *restrict dz, float *restrict db, const float *restrict dpooled,
                         const uint32_t *restrict signs, float scale, int pairs, size_t stride, size_t j,
                         const enum precision precision)
{
    float_lanes gradient = scale * lanes_load(dpooled, j, PRECISION_FP32);
    half_lanes rounded = lanes_round(gradient); // once a set, not once a pair
    int_lanes positives = {0};
    for (int first = 0; first < pairs; first += WORD) {
        int count = pairs - first < WORD ? pairs - first : WORD;
        int_lanes word = *(const int_lanes *)(signs + (size_t)(first / WORD) * stride + j);
        for (int p = 0; p < count; p++) {
            int_lanes positive = (word & (int32_t)(1u << p)) != 0;
            size_t at = (size_t)(first + p) * stride + j;
            if (precision == PRECISION_FP32)
                *(int_lanes *)((float *)dz + at) = (int_lanes)gradient & positive;
            else
                *(half_lanes *)((uint16_t *)dz + at) =
                    rounded & __builtin_convertvector(positive, half_lanes);
            positives -= positive; // true is -1
        }
    }
    *(float_lanes *)(db + j) += gradient * __builtin_convertvector(positives, float_lanes);
}

INLINE void backward(void *dz, float *db, const float *dpooled, const uint32_t *signs, float scale, int sets,
                     int pairs, size_t stride, const enum precision precision)
{
    size_t words = (size_t)pooling_words(pairs);
    for (int set = 0; set < sets; set++) {
        for (size_t j = 0; j < stride; j += LANES)
            set_backward(dz, db, dpooled, signs, scale, pairs, stride, j, precision);
        dpooled += stride;
        signs += words * stride;
        dz = (char *)dz + (size_t)pairs * stride * precision_bytes(precision);
    }
}

CLONES
static void forward_fp32(float *pooled, uint32_t *signs, const float *z, const float *b, float scale,
                         int sets, int pairs, int stride)
{
    forward(pooled, signs, z, b, scale, sets, pairs, (size_t)stride, PRECISION_FP32);
}

CLONES
static void forward_bf16(float *pooled, uint32_t *signs, const uint16_t *z, const float *b, float scale,
                         int sets, int pairs, int stride)
{
    forward(pooled, signs, z, b, scale, sets, pairs, (size_t)stride, PRECISION_BF16);
}

CLONES
static void backward_fp32(float *dz, float *db, const float *dpooled, const uint32_t *signs, float scale,
                          int sets, int pairs, int stride)
{
    backward(dz, db, dpooled, signs, scale, sets, pairs, (size_t)stride, PRECISION_FP32);
}

CLONES
static void backward_bf16(uint16_t *dz, float *db, const float *dpooled, const uint32_t *signs, float scale,
                          int sets, int pairs, int stride)
{
    backward(dz, db, dpooled, signs, scale, sets, pairs, (size_t)stride, PRECISION_BF16);
}

void pooling_sum_forward(float *pooled, uint32_t *signs, const void *z, const float *b, float scale, int sets,
                         int pairs, int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward_fp32(pooled, signs, z, b, scale, sets, pairs, stride);
    else
        forward_bf16(pooled, signs, z, b, scale, sets, pairs, stride);
}

void pooling_sum_backward(void *dz, float *db, const float *dpooled, const uint32_t *signs, float scale,
                          int sets, int pairs, int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        backward_fp32(dz, db, dpooled, signs, scale, sets, pairs, stride);
    else
        backward_bf16(dz, db, dpooled, signs, scale, sets, pairs, stride);
}
