#include "kernel/pooling.h"

#include "kernel/columns.h"

enum { WORD = 32 };

INLINE void set_forward(float *restrict pooled, uint32_t *restrict signs, const void *restrict z,
                        const float *restrict b, float scale, int pairs, size_t stride, size_t first_column,
                        const int block, const enum precision precision)
{
    float_lanes bias[BLOCK], sum[BLOCK] = {{0}};
    columns_load_with(bias, b, first_column, block, precision);
    for (int first = 0; first < pairs; first += WORD) {
        int count = pairs - first < WORD ? pairs - first : WORD;
        int_lanes word[BLOCK] = {{0}};
        for (int p = 0; p < count; p++) {
            float_lanes value[BLOCK];
            int32_t bit = (int32_t)(1u << p);
            columns_load(value, z, (size_t)(first + p) * stride + first_column, block, precision);
            for (int l = 0; l < block; l++) {
                value[l] += bias[l];
                int_lanes passes = ~(value[l] <= 0); // NaN, too
                sum[l] += (float_lanes)((int_lanes)value[l] & passes);
                word[l] |= passes & bit;
            }
        }
        for (int l = 0; l < block; l++)
            *(int_lanes *)(signs + (size_t)(first / WORD) * stride + first_column + l * LANES) = word[l];
    }
    for (int l = 0; l < block; l++)
        sum[l] *= scale;
    columns_store_with(pooled, first_column, sum, block, precision);
}

INLINE void forward(float *pooled, uint32_t *signs, const void *z, const float *b, float scale, int sets,
                    int pairs, size_t stride, const enum precision precision)
{
    size_t words = (size_t)pooling_words(pairs);
    for (int set = 0; set < sets; set++) {
        size_t j = 0;
        for (; j + BLOCK * LANES <= stride; j += BLOCK * LANES)
            set_forward(pooled, signs, z, b, scale, pairs, stride, j, BLOCK, precision);
        for (; j < stride; j += LANES)
            set_forward(pooled, signs, z, b, scale, pairs, stride, j, 1, precision);
        pooled += stride;
        signs += words * stride;
        z = (const char *)z + (size_t)pairs * stride * precision_bytes(precision);
    }
}

INLINE void set_backward(void *restrict dz, float *restrict db, const float *restrict dpooled,
                         const uint32_t *restrict signs, float scale, int pairs, size_t stride,
                         size_t first_column, const int block, const enum precision precision)
{
    float_lanes gradient[BLOCK], bias_gradient[BLOCK], rounded[BLOCK]; // once a set, not once a pair
    int_lanes positives[BLOCK] = {{0}};
    columns_load_with(gradient, dpooled, first_column, block, precision);
    columns_load_with(bias_gradient, db, first_column, block, precision);
    for (int l = 0; l < block; l++) {
        gradient[l] *= scale;
        rounded[l] = lanes_rounded(gradient[l], precision);
    }
    for (int first = 0; first < pairs; first += WORD) {
        int count = pairs - first < WORD ? pairs - first : WORD;
        int_lanes word[BLOCK];
        for (int l = 0; l < block; l++) {
            word[l] =
                *(const int_lanes *)(signs + (size_t)(first / WORD) * stride + first_column + l * LANES);
            positives[l] += lanes_count((word_lanes)word[l]);
        }
        for (int p = 0; p < count; p++) {
            float_lanes value[BLOCK];
            int32_t bit = (int32_t)(1u << p);
            for (int l = 0; l < block; l++)
                value[l] = (float_lanes)((int_lanes)rounded[l] & ((word[l] & bit) != 0));
            columns_store_exact(dz, (size_t)(first + p) * stride + first_column, value, block, precision);
        }
    }
    for (int l = 0; l < block; l++)
        bias_gradient[l] += gradient[l] * __builtin_convertvector(positives[l], float_lanes);
    columns_store_with(db, first_column, bias_gradient, block, precision);
}

INLINE void backward(void *dz, float *db, const float *dpooled, const uint32_t *signs, float scale, int sets,
                     int pairs, size_t stride, const enum precision precision)
{
    size_t words = (size_t)pooling_words(pairs);
    for (int set = 0; set < sets; set++) {
        size_t j = 0;
        for (; j + BLOCK * LANES <= stride; j += BLOCK * LANES)
            set_backward(dz, db, dpooled, signs, scale, pairs, stride, j, BLOCK, precision);
        for (; j < stride; j += LANES)
            set_backward(dz, db, dpooled, signs, scale, pairs, stride, j, 1, precision);
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
