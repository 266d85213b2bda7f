/* fp32 GEMM with the same bits on every processor: each element of C is one chain of fused multiply-adds over
 * k in ascending order.
 *
 * Row-major, one thread, any sizes. C and the operands must not overlap. */
#ifndef KERNEL_GEMM_FP32_H
#define KERNEL_GEMM_FP32_H

#include "kernel/simd_set.h"

#include <stdbool.h>
#include <stddef.h>

/* Columns per panel of a packed B. */
enum { GEMM_FP32_PANEL = 16 };

/* C = A B, where A, B or both may be transposed. Rows are lda, ldb, ldc floats apart. */
struct gemm_fp32 {
    int m, n, k, lda, ldb, ldc;
    bool a_transposed, b_transposed;
    const float *a;      // [m, k], or [k, m] if a_transposed
    const float *b;      // [k, n], or [n, k] if b_transposed; not read if packed is set
    const float *packed; // B from gemm_fp32_pack, or NULL
    float *c;            // [m, n]

    // Initial value of each element's chain: 0, bias [n] unless NULL, or C if add is set.
    const float *bias;
    bool add;

    bool relu; // applied to the results: -0 stays -0, NaN stays NaN
};

SIMD_FUNCTION(void, gemm_fp32_multiply, const struct gemm_fp32 *gemm);
#define gemm_fp32_multiply SIMD_CHOOSE(gemm_fp32_multiply)

/* Packs a B that many GEMMs share, such as a weight during a step: panels of columns, filled up with zeros.
 * b [k, n], or [n, k] if transposed, with rows of ldb
 * packed [ceil(n / GEMM_FP32_PANEL), k, GEMM_FP32_PANEL] */
void gemm_fp32_pack(float *packed, const float *b, int n, int k, int ldb, bool transposed);

/* Size of `packed` in floats. */
static inline size_t gemm_fp32_packed_floats(int n, int k)
{
    return (size_t)((n + GEMM_FP32_PANEL - 1) / GEMM_FP32_PANEL * GEMM_FP32_PANEL) * (size_t)k;
}

#endif
