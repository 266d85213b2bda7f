#include "kernel/gemm_fp32.h"

#include "kernel/gemm_fp32_pack.h"

void gemm_fp32_pack(float *packed, const float *b, int n, int k, int ldb, bool transposed)
{
    for (int j = 0; j < n; j += GEMM_FP32_PANEL) {
        int columns = n - j < GEMM_FP32_PANEL ? n - j : GEMM_FP32_PANEL;
        size_t first = (size_t)j * (transposed ? (size_t)ldb : 1);
        gemm_fp32_pack_panel(packed + (size_t)j * (size_t)k, b + first, columns, k, (size_t)ldb, transposed);
    }
}
