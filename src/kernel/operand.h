/* Operands of products: matrices of fp32 numbers as a product wants them, in its precision. */
#ifndef KERNEL_OPERAND_H
#define KERNEL_OPERAND_H

#include "base/precision.h"

#include <stdint.h>
#include <string.h>

/* to = from.  from [count], to [count] in `precision` */
void operand_copy(void *to, const float *from, size_t count, enum precision precision);

/* to = transpose of from.  from [rows, columns], to [columns, rows] in `precision` */
void operand_transpose(void *to, const float *from, int rows, int columns, enum precision precision);

/* to = from as fp32.  from [count], bfloat16 */
void operand_widen(float *to, const void *from, size_t count);

/* One number, bfloat16: rounded to nearest, ties to even, and back. */
static inline uint16_t operand_round_one(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float operand_widen_one(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
