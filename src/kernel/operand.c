#include "kernel/operand.h"

#include "kernel/simd.h"

SIMD_INLINE void round_all(uint16_t *restrict to, const float *restrict from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = operand_round_one(from[i]);
}

void SIMD_NAME(operand_copy)(void *to, const float *from, size_t count, enum precision precision)
{
    if (precision == PRECISION_FP32)
        memcpy(to, from, count * sizeof(float));
    else
        round_all(to, from, count);
}

SIMD_INLINE void widen_all(float *restrict to, const uint16_t *restrict from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = operand_widen_one(from[i]);
}

void SIMD_NAME(operand_widen)(float *to, const void *from, size_t count)
{
    widen_all(to, from, count);
}
