/* fp32 GEMM with the same bits on every processor: each element of C is one chain of fused multiply-adds over
 * k in ascending order.
 *
 * Row-major, one thread, any sizes. C and the operands must not overlap. */
#ifndef KERNEL_GEMM_FP32_H
#define KERNEL_GEMM_FP32_H

#include "kernel/gemm.h"
#include "kernel/simd_set.h"

/* Columns per panel of a packed B. */
enum { GEMM_FP32_PANEL = 16 };

/* fp32 operands and result; `types` is not read. The chain of each element begins at 0, at its bias, or at C
 * if `add` is set. ReLU leaves -0 and NaN. */
SIMD_FUNCTION(void, gemm_fp32_multiply, const struct gemm *gemm);
#define gemm_fp32_multiply SIMD_CHOOSE(gemm_fp32_multiply)

/* Packs a B that many GEMMs share, such as a weight during a step: panels of columns, filled up with zeros.
 * b [k, n], or [n, k] if transposed, with rows of ldb
 * packed [ceil(n / GEMM_FP32_PANEL), k, GEMM_FP32_PANEL], at most gemm_packed_elements */
void gemm_fp32_pack(float *packed, const float *b, int n, int k, int ldb, bool transposed);

#endif
