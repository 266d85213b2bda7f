#include "kernel/operand.h"

#include "kernel/lanes.h"

CLONES
static void round_all(uint16_t *restrict to, const float *restrict from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = operand_round_one(from[i]);
}

void operand_copy(void *to, const float *from, size_t count, enum precision precision)
{
    if (precision == PRECISION_FP32)
        memcpy(to, from, count * sizeof(float));
    else
        round_all(to, from, count);
}

CLONES
static void widen_all(float *restrict to, const uint16_t *restrict from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = operand_widen_one(from[i]);
}

void operand_widen(float *to, const void *from, size_t count)
{
    widen_all(to, from, count);
}

// Side of a block whose rows and columns both fit into the L1 cache.
enum { BLOCK = 16 };

INLINE void transpose(void *restrict to, const float *restrict from, int rows, int columns,
                      const enum precision precision)
{
    for (int first_row = 0; first_row < rows; first_row += BLOCK)
        for (int first = 0; first < columns; first += BLOCK) {
            int last_row = first_row + BLOCK < rows ? first_row + BLOCK : rows;
            int last = first + BLOCK < columns ? first + BLOCK : columns;
            for (int j = first; j < last; j++)
                for (int i = first_row; i < last_row; i++)
                    if (precision == PRECISION_FP32)
                        ((float *)to)[j * rows + i] = from[i * columns + j];
                    else
                        ((uint16_t *)to)[j * rows + i] = operand_round_one(from[i * columns + j]);
        }
}

void operand_transpose(void *to, const float *from, int rows, int columns, enum precision precision)
{
    if (precision == PRECISION_FP32)
        transpose(to, from, rows, columns, PRECISION_FP32);
    else
        transpose(to, from, rows, columns, PRECISION_BF16);
}
