/* How gemm_fp32 packs one panel of B; private to gemm_fp32.c and gemm_fp32_tiles.c. */
#ifndef KERNEL_GEMM_FP32_PACK_H
#define KERNEL_GEMM_FP32_PACK_H

#include "kernel/gemm_fp32.h"

#include <string.h>

/* Rows [0, k) of a panel's `columns` columns. b points at its first element.  panel [k, GEMM_FP32_PANEL] */
static inline void gemm_fp32_pack_panel(float *restrict panel, const float *restrict b, int columns, int k,
                                        size_t ldb, bool transposed)
{
    enum { WIDTH = GEMM_FP32_PANEL };
    if (columns < WIDTH)
        memset(panel, 0, (size_t)k * WIDTH * sizeof *panel);
    if (transposed)
        for (size_t p = 0; p < (size_t)k; p++)
            for (size_t j = 0; j < (size_t)columns; j++)
                panel[p * WIDTH + j] = b[j * ldb + p];
    else if (columns == WIDTH)
        for (size_t p = 0; p < (size_t)k; p++)
            memcpy(panel + p * WIDTH, b + p * ldb, WIDTH * sizeof *panel);
    else
        for (size_t p = 0; p < (size_t)k; p++)
            memcpy(panel + p * WIDTH, b + p * ldb, (size_t)columns * sizeof *panel);
}

#endif
