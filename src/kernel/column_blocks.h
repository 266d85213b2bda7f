/* Loads and stores of blocks of vectors of a row: whole cache lines, and enough independent sums to hide
 * latency.
 *
 * bf16 elements are read as 32-bit words: a shift widens the even columns to floats and a mask the odd ones,
 * which costs half of widening sixteen elements at a time. So in bf16 two neighbouring vectors of a block
 * hold the even and the odd columns of the same 32, and the fp32 rows used with them (biases, sums) are split
 * and joined in the same way. The lane of a column does not change its value. */
#ifndef KERNEL_COLUMN_BLOCKS_H
#define KERNEL_COLUMN_BLOCKS_H

#include "kernel/lanes.h"

#include <stdbool.h>
#include <stddef.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the even column is the low half of its word");

// Rows in bf16 start at multiples of half a vector.
typedef uint32_t row_words __attribute__((vector_size(64), aligned(32)));

enum { BLOCK = 4 }; // vectors; the end of a row is processed in blocks of 1

/* Whether a block holds even and odd columns in separate vectors. */
INLINE bool columns_split(const int block, const enum precision precision)
{
    return precision == PRECISION_BF16 && block > 1;
}

/* Loads `block` vectors from column `at` of a row in `precision`. */
INLINE void columns_load(float_lanes *value, const void *row, size_t at, const int block,
                         const enum precision precision)
{
    if (!columns_split(block, precision)) {
        for (int l = 0; l < block; l++)
            value[l] = lanes_load(row, at + (size_t)l * LANES, precision);
        return;
    }
    for (int l = 0; l < block; l += 2) {
        word_lanes two = *(const row_words *)((const uint16_t *)row + at + (size_t)l * LANES);
        value[l] = (float_lanes)(two << 16);
        value[l + 1] = (float_lanes)(two & 0xffff0000);
    }
}

/* Rounds and stores `block` vectors from columns_load's order. */
INLINE void columns_store(void *row, size_t at, const float_lanes *value, const int block,
                          const enum precision precision)
{
    if (!columns_split(block, precision)) {
        for (int l = 0; l < block; l++)
            lanes_store(row, at + (size_t)l * LANES, value[l], precision);
        return;
    }
    for (int l = 0; l < block; l += 2)
        *(row_words *)((uint16_t *)row + at + (size_t)l * LANES) =
            lanes_round_high(value[l]) >> 16 | (lanes_round_high(value[l + 1]) & 0xffff0000);
}

/* Rounds and stores bf16 vectors that are in column order, in functions of BF16_TARGET. */
INLINE void columns_round_store(uint16_t *row, size_t at, const float_lanes *value, const int block)
{
    for (int l = 0; l < block; l += 2)
        *(row_words *)(row + at + (size_t)l * LANES) = lanes_round_two(value[l], value[l + 1]);
}

/* Stores vectors in columns_load's order whose values lanes_rounded has rounded already. */
INLINE void columns_store_exact(void *row, size_t at, const float_lanes *value, const int block,
                                const enum precision precision)
{
    if (!columns_split(block, precision)) {
        columns_store(row, at, value, block, precision);
        return;
    }
    for (int l = 0; l < block; l += 2)
        *(row_words *)((uint16_t *)row + at + (size_t)l * LANES) =
            (word_lanes)value[l] >> 16 | (word_lanes)value[l + 1];
}

/* Loads columns of an fp32 row in the order that columns_load has for `precision`. Used once per set, not per
 * pair; goes through memory, since no portable shuffle is fast on all processors. */
INLINE void columns_load_with(float_lanes *value, const float *row, size_t at, const int block,
                              const enum precision precision)
{
    if (!columns_split(block, precision)) {
        columns_load(value, row, at, block, PRECISION_FP32);
        return;
    }
    for (int l = 0; l < block; l += 2, at += 2 * LANES)
        for (int i = 0; i < LANES; i++) {
            ((float *)&value[l])[i] = row[at + 2 * (size_t)i];
            ((float *)&value[l + 1])[i] = row[at + 2 * (size_t)i + 1];
        }
}

/* Stores vectors in columns_load's order for `precision` to an fp32 row. */
INLINE void columns_store_with(float *row, size_t at, const float_lanes *value, const int block,
                               const enum precision precision)
{
    if (!columns_split(block, precision)) {
        columns_store(row, at, value, block, PRECISION_FP32);
        return;
    }
    for (int l = 0; l < block; l += 2, at += 2 * LANES)
        for (int i = 0; i < LANES; i++) {
            row[at + 2 * (size_t)i] = ((const float *)&value[l])[i];
            row[at + 2 * (size_t)i + 1] = ((const float *)&value[l + 1])[i];
        }
}

#endif
