#include "kernel/sum_pooling.h"

#include "kernel/column_blocks.h"
#include "kernel/operand.h"

enum { WORD = SUM_POOLING_WORD };

// Vectors at any element: in a transposed row the pairs of a set start at any column.
typedef int32_t lanes_anywhere __attribute__((vector_size(64), aligned(4)));
typedef uint16_t halves_anywhere __attribute__((vector_size(64), aligned(2)));

// Bit of pair p in its word: even pairs in the low half, odd pairs in the high half. Where a word is
// broadcast to all lanes, its halves are then in the order of the pairs.
INLINE int32_t sign_bit(int p)
{
    return (int32_t)(1u << (p % 2 * 16 + p / 2));
}

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
            int32_t bit = sign_bit(p);
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
    size_t words = (size_t)sum_pooling_words(pairs);
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
    float_lanes gradient[BLOCK], bias_gradient[BLOCK], rounded[BLOCK]; // computed once per set
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
            int32_t bit = sign_bit(p);
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
    size_t words = (size_t)sum_pooling_words(pairs);
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

// ---- the gradient's transpose ----

// Column of a row of signs that holds column `at`, in the order in which columns_load splits a block of bf16.
INLINE int sign_column(int at, int stride, const enum precision precision)
{
    enum { TWO = 2 * LANES };
    int block = at / (BLOCK * LANES) * BLOCK;
    if (!columns_split(BLOCK, precision) || (block + BLOCK) * LANES > stride)
        return at;
    return at / TWO * TWO + at % 2 * LANES + at % TWO / 2;
}

// Stores `value` where a bit is set, else 0, for at least `pairs` and at most 32 pairs.
INLINE void store_word_fp32(float *to, float value, uint32_t word, int pairs)
{
    const int_lanes bit = {1 << 0, 1 << 16, 1 << 1, 1 << 17, 1 << 2, 1 << 18, 1 << 3, 1 << 19,
                           1 << 4, 1 << 20, 1 << 5, 1 << 21, 1 << 6, 1 << 22, 1 << 7, 1 << 23};
    const int_lanes all = (int_lanes)((float_lanes){0} + value);
    *(lanes_anywhere *)to = all & ((bit & (int32_t)word) != 0);
    if (pairs > LANES)
        *(lanes_anywhere *)(to + LANES) = all & ((bit & (int32_t)(word >> 8)) != 0);
}

INLINE void store_word_bf16(uint16_t *to, float value, uint32_t word)
{
    typedef uint16_t halves __attribute__((vector_size(64)));
    const halves bit = {1 << 0,  1 << 0,  1 << 1,  1 << 1,  1 << 2,  1 << 2,  1 << 3,  1 << 3,
                        1 << 4,  1 << 4,  1 << 5,  1 << 5,  1 << 6,  1 << 6,  1 << 7,  1 << 7,
                        1 << 8,  1 << 8,  1 << 9,  1 << 9,  1 << 10, 1 << 10, 1 << 11, 1 << 11,
                        1 << 12, 1 << 12, 1 << 13, 1 << 13, 1 << 14, 1 << 14, 1 << 15, 1 << 15};
    halves words = (halves)((word_lanes){0} + word);
    *(halves_anywhere *)to = operand_round_one(value) & (halves)((bit & words) != 0);
}

INLINE void store_word(void *to, float value, uint32_t word, int pairs, const enum precision precision)
{
    if (precision == PRECISION_FP32)
        store_word_fp32(to, value, word, pairs);
    else
        store_word_bf16(to, value, word);
}

// Stores whole vectors, whose excess the next set or column overwrites; hence column by column in ascending
// order.
INLINE void transposed(void *restrict dz, float *restrict db, const float *restrict dpooled,
                       const uint32_t *restrict signs, float scale, int sets, int pairs, size_t stride,
                       int width, size_t ld, const enum precision precision)
{
    size_t bytes = precision_bytes(precision);
    for (int j = 0; j < width; j++) {
        const uint32_t *word = signs + sign_column(j, (int)stride, precision);
        char *row = (char *)dz + (size_t)j * ld * bytes;
        float sum = 0;
        for (int set = 0; set < sets; set++, row += (size_t)pairs * bytes) {
            float value = scale * dpooled[(size_t)set * stride + (size_t)j];
            int positives = 0;
            for (int first = 0; first < pairs; first += WORD, word += stride) {
                store_word(row + (size_t)first * bytes, value, *word, pairs - first, precision);
                positives += __builtin_popcount(*word);
            }
            sum += value * (float)positives;
        }
        store_word(row, 0, 0, WORD, precision);
        if (db)
            db[j] += sum;
    }
}

CLONES
static void transposed_fp32(float *dz, float *db, const float *dpooled, const uint32_t *signs, float scale,
                            int sets, int pairs, int stride, int width, int ld)
{
    transposed(dz, db, dpooled, signs, scale, sets, pairs, (size_t)stride, width, (size_t)ld, PRECISION_FP32);
}

CLONES
static void transposed_bf16(uint16_t *dz, float *db, const float *dpooled, const uint32_t *signs, float scale,
                            int sets, int pairs, int stride, int width, int ld)
{
    transposed(dz, db, dpooled, signs, scale, sets, pairs, (size_t)stride, width, (size_t)ld, PRECISION_BF16);
}

void sum_pooling_backward_transposed(void *dz, float *db, const float *dpooled, const uint32_t *signs,
                                     float scale, int sets, int pairs, int stride, int width, int ld,
                                     enum precision precision)
{
    if (precision == PRECISION_FP32)
        transposed_fp32(dz, db, dpooled, signs, scale, sets, pairs, stride, width, ld);
    else
        transposed_bf16(dz, db, dpooled, signs, scale, sets, pairs, stride, width, ld);
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

void sum_pooling_forward(float *pooled, uint32_t *signs, const void *z, const float *b, float scale, int sets,
                         int pairs, int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward_fp32(pooled, signs, z, b, scale, sets, pairs, stride);
    else
        forward_bf16(pooled, signs, z, b, scale, sets, pairs, stride);
}

void sum_pooling_backward(void *dz, float *db, const float *dpooled, const uint32_t *signs, float scale,
                          int sets, int pairs, int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        backward_fp32(dz, db, dpooled, signs, scale, sets, pairs, stride);
    else
        backward_bf16(dz, db, dpooled, signs, scale, sets, pairs, stride);
}
