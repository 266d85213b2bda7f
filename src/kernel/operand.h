/* GEMM operands: fp32 matrices rounded to bf16, and back. */
#ifndef KERNEL_OPERAND_H
#define KERNEL_OPERAND_H

#include "base/precision.h"
#include "kernel/simd_set.h"

#include <stdint.h>
#include <string.h>

/* to = from.  from [count], to [count] in `precision` */
SIMD_FUNCTION(void, operand_copy, void *to, const float *from, size_t count, enum precision precision);
#define operand_copy SIMD_CHOOSE(operand_copy)

/* Returns `from` in fp32, else a copy rounded into `buffer`.  from, buffer [count] */
static inline const void *operand_rounded(const float *from, void *buffer, size_t count,
                                          enum precision precision)
{
    if (precision == PRECISION_FP32)
        return from;
    operand_copy(buffer, from, count, precision);
    return buffer;
}

/* to = from, widened to fp32.  from [count] in bfloat16, to [count] */
SIMD_FUNCTION(void, operand_widen, float *to, const void *from, size_t count);
#define operand_widen SIMD_CHOOSE(operand_widen)

/* fp32 to bfloat16, rounded to nearest, ties to even. */
static inline uint16_t operand_round_one(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* bfloat16 to fp32, exact. */
static inline float operand_widen_one(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
