/* Some vectors of a row at a time: whole cache lines, and enough independent sums to keep the processor busy.
 *
 * bfloat16 numbers are read in twos, 32 bits: a shift gives the even columns as floats and a mask the odd
 * ones, which costs half of widening sixteen at a time. So in bf16 two neighbouring vectors of a block hold
 * the even and the odd columns of the same 32, and rows of fp32 that go with them (biases, sums) are split
 * and joined alike. Which lane a column is in changes no number. */
#ifndef KERNEL_COLUMN_BLOCKS_H
#define KERNEL_COLUMN_BLOCKS_H

#include "kernel/lanes.h"

#include <stdbool.h>
#include <stddef.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the even column is the low half of its word");

// Rows in bf16 start at half a vector.
typedef uint32_t row_words __attribute__((vector_size(64), aligned(32)));

enum { BLOCK = 4 }; // vectors; a row's rest goes vector by vector, with a block of 1

INLINE bool columns_split(const int block, const enum precision precision)
{
    return precision == PRECISION_BF16 && block > 1;
}

/* value[block] <- columns `at` .. of a row in `precision` */
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

/* Likewise in bf16, for vectors in the order of the columns; in functions of BF16_TARGET. */
INLINE void columns_round_store(uint16_t *row, size_t at, const float_lanes *value, const int block)
{
    for (int l = 0; l < block; l += 2)
        *(row_words *)(row + at + (size_t)l * LANES) = lanes_round_two(value[l], value[l + 1]);
}

/* Likewise for values that lanes_rounded has been through: nothing is left to round. */
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

/* The same columns of a row of fp32, in the order in which columns_load gives those in `precision`: once a
 * set, not once a pair, and by way of memory, since no portable shuffle is quick everywhere. */
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
