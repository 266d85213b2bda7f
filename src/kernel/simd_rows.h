/* Loads and stores of rows of activations, in fp32 or bf16: vectors, and blocks of vectors.
 *
 * For files that are compiled once per instruction set (simd_set.h). Rows are padded to whole vectors, so
 * loops over them have no tail. A block fills whole cache lines and has enough independent sums to hide
 * latency.
 *
 * A block in bf16 is read as 32-bit words: a shift widens the even columns to floats and a mask the odd ones,
 * which costs half of widening one vector at a time. So in bf16 two neighbouring vectors of a block hold the
 * even and the odd columns of the same part of a row, and the fp32 rows used with them (biases, sums) are
 * split and joined in the same way. The place of a column does not change its value. */
#ifndef KERNEL_SIMD_ROWS_H
#define KERNEL_SIMD_ROWS_H

#include "base/precision.h"
#include "kernel/simd.h"

#include <stdbool.h>
#include <stddef.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the even column is the low half of its word");

typedef uint16_t simd_half __attribute__((vector_size(2 * SIMD_FLOATS)));

enum { BLOCK = 4 }; // vectors; the end of a row is processed in blocks of 1

/* Rounds to bfloat16, to nearest, ties to even, in the high half of each word; the low halves are undefined.
 * NaN stays NaN: the processor's default NaN has no low bits that could carry. */
SIMD_INLINE simd_word simd_round_high(simd_float value)
{
    simd_word bits = (simd_word)value;
    return bits + 0x7fff + (bits >> 16 & 1);
}

/* `value` rounded to `precision`, as fp32. */
SIMD_INLINE simd_float simd_rounded(simd_float value, const enum precision precision)
{
    return precision == PRECISION_FP32 ? value : (simd_float)(simd_round_high(value) & 0xffff0000);
}

/* Loads a vector from column `at` of a row in `precision`, a constant after inlining. */
SIMD_INLINE simd_float simd_load_as(const void *row, size_t at, const enum precision precision)
{
    if (precision == PRECISION_FP32)
        return simd_load((const float *)row + at);
    simd_half half;
    memcpy(&half, (const uint16_t *)row + at, sizeof half);
    return (simd_float)(__builtin_convertvector(half, simd_word) << 16);
}

/* Rounds and stores a vector. */
SIMD_INLINE void simd_store_as(void *row, size_t at, simd_float value, const enum precision precision)
{
    if (precision == PRECISION_FP32) {
        simd_store((float *)row + at, value);
        return;
    }
    simd_half half = __builtin_convertvector(simd_round_high(value) >> 16, simd_half);
    memcpy((uint16_t *)row + at, &half, sizeof half);
}

/* Whether a block holds even and odd columns in separate vectors. */
SIMD_INLINE bool columns_split(const int block, const enum precision precision)
{
    return precision == PRECISION_BF16 && block > 1;
}

/* Loads `block` vectors from column `at` of a row in `precision`. */
SIMD_INLINE void columns_load(simd_float *value, const void *row, size_t at, const int block,
                              const enum precision precision)
{
    if (!columns_split(block, precision)) {
        for (int l = 0; l < block; l++)
            value[l] = simd_load_as(row, at + (size_t)l * SIMD_FLOATS, precision);
        return;
    }
    for (int l = 0; l < block; l += 2) {
        simd_word two;
        memcpy(&two, (const uint16_t *)row + at + (size_t)l * SIMD_FLOATS, sizeof two);
        value[l] = (simd_float)(two << 16);
        value[l + 1] = (simd_float)(two & 0xffff0000);
    }
}

/* Rounds and stores `block` vectors from columns_load's order. */
SIMD_INLINE void columns_store(void *row, size_t at, const simd_float *value, const int block,
                               const enum precision precision)
{
    if (!columns_split(block, precision)) {
        for (int l = 0; l < block; l++)
            simd_store_as(row, at + (size_t)l * SIMD_FLOATS, value[l], precision);
        return;
    }
    for (int l = 0; l < block; l += 2) {
        simd_word two = simd_round_high(value[l]) >> 16 | (simd_round_high(value[l + 1]) & 0xffff0000);
        memcpy((uint16_t *)row + at + (size_t)l * SIMD_FLOATS, &two, sizeof two);
    }
}

/* Stores vectors in columns_load's order whose values simd_rounded has rounded already. */
SIMD_INLINE void columns_store_exact(void *row, size_t at, const simd_float *value, const int block,
                                     const enum precision precision)
{
    if (!columns_split(block, precision)) {
        columns_store(row, at, value, block, precision);
        return;
    }
    for (int l = 0; l < block; l += 2) {
        simd_word two = (simd_word)value[l] >> 16 | (simd_word)value[l + 1];
        memcpy((uint16_t *)row + at + (size_t)l * SIMD_FLOATS, &two, sizeof two);
    }
}

/* Loads columns of an fp32 row in the order that columns_load has for `precision`. Used once per set, not per
 * pair; goes through memory, since no portable shuffle is fast on all processors. */
SIMD_INLINE void columns_load_with(simd_float *value, const float *row, size_t at, const int block,
                                   const enum precision precision)
{
    if (!columns_split(block, precision)) {
        columns_load(value, row, at, block, PRECISION_FP32);
        return;
    }
    for (int l = 0; l < block; l += 2, at += 2 * SIMD_FLOATS)
        for (int i = 0; i < SIMD_FLOATS; i++) {
            ((float *)&value[l])[i] = row[at + 2 * (size_t)i];
            ((float *)&value[l + 1])[i] = row[at + 2 * (size_t)i + 1];
        }
}

/* Stores vectors in columns_load's order for `precision` to an fp32 row. */
SIMD_INLINE void columns_store_with(float *row, size_t at, const simd_float *value, const int block,
                                    const enum precision precision)
{
    if (!columns_split(block, precision)) {
        columns_store(row, at, value, block, PRECISION_FP32);
        return;
    }
    for (int l = 0; l < block; l += 2, at += 2 * SIMD_FLOATS)
        for (int i = 0; i < SIMD_FLOATS; i++) {
            row[at + 2 * (size_t)i] = ((const float *)&value[l])[i];
            row[at + 2 * (size_t)i + 1] = ((const float *)&value[l + 1])[i];
        }
}

#if defined(SIMD_AVX512)
/* Rounds and stores bf16 vectors that are in column order, by the instruction of AVX512_BF16. That
 * instruction rounds as columns_store does, except that values below 2^-126 become 0. */
SIMD_INLINE void columns_round_store(uint16_t *row, size_t at, const simd_float *value, const int block)
{
    for (int l = 0; l < block; l += 2) {
        simd_word two;
        __asm__("vcvtne2ps2bf16 %2, %1, %0" : "=v"(two) : "v"(value[l + 1]), "v"(value[l]));
        memcpy(row + at + (size_t)l * SIMD_FLOATS, &two, sizeof two);
    }
}
#endif

#endif
