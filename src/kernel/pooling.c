#include "kernel/pooling.h"

#include "kernel/lanes.h"

#include <stddef.h>

enum { WORD = 32, BLOCK = 2 }; // so many vectors of a row at a time: sums and signs stay in registers

#define INLINE static inline __attribute__((always_inline))

INLINE void sum_forward(float *restrict pooled, uint32_t *restrict signs, const float *restrict z, const float *restrict b,
                        float scale, int pairs, int stride, const int block)
{
    float_lanes bias[BLOCK], sum[BLOCK];
    for (int l = 0; l < block; l++) {
        bias[l] = ((const float_lanes *)b)[l];
        sum[l] = (float_lanes){0};
    }
    for (int first = 0; first < pairs; first += WORD) {
        int count = pairs - first < WORD ? pairs - first : WORD;
        int_lanes word[BLOCK] = {{0}};
        for (int p = 0; p < count; p++) {
            const float_lanes *row = (const float_lanes *)(z + (size_t)(first + p) * (size_t)stride);
            int32_t bit = (int32_t)(1u << p);
            for (int l = 0; l < block; l++) {
                float_lanes value = row[l] + bias[l];
                int_lanes negative = value < 0; // not `positive`: NaN must pass
                sum[l] += (float_lanes)((int_lanes)value & ~negative);
                word[l] |= (value > 0) & bit;
            }
        }
        for (int l = 0; l < block; l++)
            ((int_lanes *)(signs + (size_t)(first / WORD) * (size_t)stride))[l] = word[l];
    }
    for (int l = 0; l < block; l++)
        ((float_lanes *)pooled)[l] = scale * sum[l];
}

CLONES
void pooling_sum_forward(float *pooled, uint32_t *signs, const float *z, const float *b, float scale, int sets, int pairs,
                         int stride)
{
    size_t words = (size_t)pooling_words(pairs);
    for (int set = 0; set < sets; set++) {
        int j = 0;
        for (; j + BLOCK * LANES <= stride; j += BLOCK * LANES)
            sum_forward(pooled + j, signs + j, z + j, b + j, scale, pairs, stride, BLOCK);
        if (j < stride)
            sum_forward(pooled + j, signs + j, z + j, b + j, scale, pairs, stride, 1);
        pooled += stride;
        signs += words * (size_t)stride;
        z += (size_t)pairs * (size_t)stride;
    }
}

INLINE void sum_backward(float *restrict dz, float *restrict db, const float *restrict dpooled,
                         const uint32_t *restrict signs, float scale, int pairs, int stride)
{
    int_lanes gradient = (int_lanes)(scale * *(const float_lanes *)dpooled);
    int_lanes positives = {0};
    for (int first = 0; first < pairs; first += WORD) {
        int count = pairs - first < WORD ? pairs - first : WORD;
        int_lanes word = *(const int_lanes *)(signs + (size_t)(first / WORD) * (size_t)stride);
        for (int p = 0; p < count; p++) {
            int_lanes positive = (word & (int32_t)(1u << p)) != 0;
            *(int_lanes *)(dz + (size_t)(first + p) * (size_t)stride) = gradient & positive;
            positives -= positive; // true is -1
        }
    }
    *(float_lanes *)db += (float_lanes)gradient * __builtin_convertvector(positives, float_lanes);
}

CLONES
void pooling_sum_backward(float *dz, float *db, const float *dpooled, const uint32_t *signs, float scale, int sets,
                          int pairs, int stride)
{
    size_t words = (size_t)pooling_words(pairs);
    for (int set = 0; set < sets; set++) {
        for (int j = 0; j < stride; j += LANES)
            sum_backward(dz + j, db + j, dpooled + j, signs + j, scale, pairs, stride);
        dpooled += stride;
        signs += words * (size_t)stride;
        dz += (size_t)pairs * (size_t)stride;
    }
}
