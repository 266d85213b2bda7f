/* Precision of GEMM operands, stored activations and their gradients. All other values are fp32. */
#ifndef BASE_PRECISION_H
#define BASE_PRECISION_H

#include <stddef.h>

enum precision {
    PRECISION_FP32,
    PRECISION_BF16, // the upper half of an fp32, rounded to nearest, ties to even
};

static inline size_t precision_bytes(enum precision precision)
{
    return precision == PRECISION_BF16 ? 2 : 4;
}

#endif
