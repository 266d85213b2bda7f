/* Sizes of the kernels' buffers, in elements. The layouts of workspaces and the kernels both use them. */
#ifndef SPEC_BUFFER_SIZES_H
#define SPEC_BUFFER_SIZES_H

#include "base/precision.h"

#include <stddef.h>

enum {
    LANES = 16,            // floats per vector: rows of activations are padded to whole vectors
    SUM_POOLING_WORD = 32, // pairs per word of sign bits
};

/* Elements of a row of `width` elements with its padding. */
static inline int lanes_stride(int width)
{
    return (width + LANES - 1) / LANES * LANES;
}

/* 32-bit words for the sign bits of one column of a set. */
static inline int sum_pooling_words(int pairs)
{
    return (pairs + SUM_POOLING_WORD - 1) / SUM_POOLING_WORD;
}

/* Elements of a packed right-hand operand [k, n] of a GEMM (gemm_pack). */
static inline size_t gemm_packed_elements(int n, int k)
{
    enum { BLOCK = 64 }; // the library pads to whole blocks
    return (size_t)((n + BLOCK - 1) / BLOCK * BLOCK) * (size_t)((k + BLOCK - 1) / BLOCK * BLOCK);
}

/* Floats of `scratch` of attention_pooling_forward and attention_pooling_backward. */
static inline size_t attention_pooling_scratch(int pairs, int queries, int stride, enum precision precision)
{
    size_t rows_fp32 = precision == PRECISION_FP32 ? 0 : (size_t)pairs * (size_t)stride; // of one set
    return (size_t)lanes_stride(queries) + (size_t)queries * (size_t)lanes_stride(pairs) +
           (size_t)stride * LANES + rows_fp32;
}

#endif
