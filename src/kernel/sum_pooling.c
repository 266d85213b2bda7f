#include "kernel/sum_pooling.h"

#include "kernel/simd_rows.h"

enum { WORD = SUM_POOLING_WORD };

// Number of bits set in each word.
SIMD_INLINE simd_int count_bits(simd_word bits)
{
    bits -= bits >> 1 & 0x55555555;
    bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0f;
    return (simd_int)(bits * 0x01010101 >> 24);
}

SIMD_INLINE void set_forward(float *restrict pooled, uint32_t *restrict signs, const void *restrict z,
                             const float *restrict b, float scale, int pairs, size_t stride,
                             size_t first_column, const int block, const enum precision precision)
{
    simd_float bias[BLOCK], sum[BLOCK] = {{0}};
    columns_load_with(bias, b, first_column, block, precision);
    for (int first = 0; first < pairs; first += WORD) {
        int count = pairs - first < WORD ? pairs - first : WORD;
        simd_int word[BLOCK] = {{0}};
        for (int p = 0; p < count; p++) {
            simd_float value[BLOCK];
            int32_t bit = (int32_t)(1u << p);
            columns_load(value, z, (size_t)(first + p) * stride + first_column, block, precision);
            for (int l = 0; l < block; l++) {
                value[l] += bias[l];
                simd_int passes = ~(value[l] <= 0); // NaN, too
                sum[l] += (simd_float)((simd_int)value[l] & passes);
                word[l] |= passes & bit;
            }
        }
        for (int l = 0; l < block; l++)
            memcpy(signs + (size_t)(first / WORD) * stride + first_column + l * SIMD_FLOATS, &word[l],
                   sizeof word[l]);
    }
    for (int l = 0; l < block; l++)
        sum[l] *= scale;
    columns_store_with(pooled, first_column, sum, block, precision);
}

SIMD_INLINE void forward(float *pooled, uint32_t *signs, const void *z, const float *b, float scale, int sets,
                         int pairs, size_t stride, const enum precision precision)
{
    size_t words = (size_t)sum_pooling_words(pairs);
    for (int set = 0; set < sets; set++) {
        size_t j = 0;
        for (; j + BLOCK * SIMD_FLOATS <= stride; j += BLOCK * SIMD_FLOATS)
            set_forward(pooled, signs, z, b, scale, pairs, stride, j, BLOCK, precision);
        for (; j < stride; j += SIMD_FLOATS)
            set_forward(pooled, signs, z, b, scale, pairs, stride, j, 1, precision);
        pooled += stride;
        signs += words * stride;
        z = (const char *)z + (size_t)pairs * stride * precision_bytes(precision);
    }
}

SIMD_INLINE void set_backward(void *restrict dz, float *restrict db, const float *restrict dpooled,
                              const uint32_t *restrict signs, float scale, int pairs, size_t stride,
                              size_t first_column, const int block, const enum precision precision)
{
    simd_float gradient[BLOCK], bias_gradient[BLOCK], rounded[BLOCK]; // computed once per set
    simd_int positives[BLOCK] = {{0}};
    columns_load_with(gradient, dpooled, first_column, block, precision);
    columns_load_with(bias_gradient, db, first_column, block, precision);
    for (int l = 0; l < block; l++) {
        gradient[l] *= scale;
        rounded[l] = simd_rounded(gradient[l], precision);
    }
    for (int first = 0; first < pairs; first += WORD) {
        int count = pairs - first < WORD ? pairs - first : WORD;
        simd_int word[BLOCK];
        for (int l = 0; l < block; l++) {
            memcpy(&word[l], signs + (size_t)(first / WORD) * stride + first_column + l * SIMD_FLOATS,
                   sizeof word[l]);
            positives[l] += count_bits((simd_word)word[l]);
        }
        for (int p = 0; p < count; p++) {
            simd_float value[BLOCK];
            int32_t bit = (int32_t)(1u << p);
            for (int l = 0; l < block; l++)
                value[l] = (simd_float)((simd_int)rounded[l] & ((word[l] & bit) != 0));
            columns_store_exact(dz, (size_t)(first + p) * stride + first_column, value, block, precision);
        }
    }
    for (int l = 0; l < block; l++)
        bias_gradient[l] += gradient[l] * __builtin_convertvector(positives[l], simd_float);
    columns_store_with(db, first_column, bias_gradient, block, precision);
}

SIMD_INLINE void backward(void *dz, float *db, const float *dpooled, const uint32_t *signs, float scale,
                          int sets, int pairs, size_t stride, const enum precision precision)
{
    size_t words = (size_t)sum_pooling_words(pairs);
    for (int set = 0; set < sets; set++) {
        size_t j = 0;
        for (; j + BLOCK * SIMD_FLOATS <= stride; j += BLOCK * SIMD_FLOATS)
            set_backward(dz, db, dpooled, signs, scale, pairs, stride, j, BLOCK, precision);
        for (; j < stride; j += SIMD_FLOATS)
            set_backward(dz, db, dpooled, signs, scale, pairs, stride, j, 1, precision);
        dpooled += stride;
        signs += words * stride;
        dz = (char *)dz + (size_t)pairs * stride * precision_bytes(precision);
    }
}

void SIMD_NAME(sum_pooling_forward)(float *pooled, uint32_t *signs, const void *z, const float *b,
                                    float scale, int sets, int pairs, int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward(pooled, signs, z, b, scale, sets, pairs, (size_t)stride, PRECISION_FP32);
    else
        forward(pooled, signs, z, b, scale, sets, pairs, (size_t)stride, PRECISION_BF16);
}

void SIMD_NAME(sum_pooling_backward)(void *dz, float *db, const float *dpooled, const uint32_t *signs,
                                     float scale, int sets, int pairs, int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        backward(dz, db, dpooled, signs, scale, sets, pairs, (size_t)stride, PRECISION_FP32);
    else
        backward(dz, db, dpooled, signs, scale, sets, pairs, (size_t)stride, PRECISION_BF16);
}
