/* Sizes of the kernels' buffers in elements, shared by the kernels and the planning of workspaces. */
#ifndef SPEC_BUFFER_SIZES_H
#define SPEC_BUFFER_SIZES_H

#include "base/precision.h"

#include <stddef.h>

enum {
    LANES = 16,            // floats per vector: rows of activations are padded to whole vectors
    SUM_POOLING_WORD = 32, // pairs per word of sign bits
};

/* `width` rounded up to whole vectors. */
static inline int lanes_stride(int width)
{
    return (width + LANES - 1) / LANES * LANES;
}

/* 32-bit words that hold the sign bits of one column of a set. */
static inline int sum_pooling_words(int pairs)
{
    return (pairs + SUM_POOLING_WORD - 1) / SUM_POOLING_WORD;
}

/* Elements of a right-hand operand [k, n] that gemm_pack has packed. */
static inline size_t gemm_packed_elements(int n, int k)
{
    enum { SIDE = 64 }; // oneDNN pads to whole blocks
    return (size_t)((n + SIDE - 1) / SIDE * SIDE) * (size_t)((k + SIDE - 1) / SIDE * SIDE);
}

/* Floats of `scratch` in attention_pooling_forward and attention_pooling_backward. */
static inline size_t attention_pooling_scratch(int pairs, int queries, int stride, enum precision precision)
{
    size_t rows_fp32 = precision == PRECISION_FP32 ? 0 : (size_t)pairs * (size_t)stride; // one set's
    return (size_t)lanes_stride(queries) + (size_t)queries * (size_t)lanes_stride(pairs) + rows_fp32;
}

#endif
