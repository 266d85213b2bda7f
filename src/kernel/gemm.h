/* Matrix products: the only includers of the gemm libraries' headers are gemm.c and gemm_onednn.c.
 *
 * Row-major, one thread, the same bits for the same shapes and the same arithmetic. `ld` is the length of a
 * row in memory, in numbers. Two libraries: OpenBLAS always; oneDNN, where it was built in and the processor
 * has AVX-512. Which of them computes is a matter of the processor alone, never of a measurement, since the
 * bits depend on it. */
#ifndef KERNEL_GEMM_H
#define KERNEL_GEMM_H

#include "base/precision.h"
#include "spec/buffer_sizes.h"

#include <stdbool.h>
#include <stddef.h>

/* How a product's numbers are stored. Sums are fp32 in all. */
enum gemm_types {
    GEMM_FP32,
    GEMM_BF16_FP32, // operands bfloat16, result fp32
    GEMM_BF16,      // operands and result bfloat16
};

enum gemm_library { GEMM_OPENBLAS, GEMM_ONEDNN };

/* One thread for the libraries; call once, before any product. */
void gemm_setup(void);

/* Which library computes products of fp32 operands, and which of bf16 operands; tests choose with gemm_use.
 * GEMM_OPENBLAS computes bf16 operands widened to fp32: the same rounding, no faster. */
enum gemm_library gemm_library(enum precision operands);
/* False if the library is not there. */
bool gemm_use(enum precision operands, enum gemm_library library);

/* Why products of bf16 operands run through fp32, in words; NULL where they do not. */
const char *gemm_bf16_fallback_reason(void);

/* "oneDNN 2.6.3 brg:avx512_core", "OpenBLAS 0.3.21 Haswell": library, version and kernel for such operands.
 * Valid for the life of the process. */
const char *gemm_name(enum precision operands);

/* All libraries that are there, with version and kernel. Valid for the life of the process. */
const char *gemm_libraries(void);

/* C = A B, or C += A B (fp32 results only).  a [m, k], b [k, n], c [m, n] */
void gemm_nn(enum gemm_types numbers, int m, int n, int k, const void *a, int lda, const void *b, int ldb,
             void *c, int ldc, bool add);

/* C = A B^T.  a [m, k], b [n, k], c [m, n] */
void gemm_nt(enum gemm_types numbers, int m, int n, int k, const void *a, int lda, const void *b, int ldb,
             void *c, int ldc, bool add);

/* C = A^T B.  a [k, m], b [k, n], c [m, n] */
void gemm_tn(enum gemm_types numbers, int m, int n, int k, const void *a, int lda, const void *b, int ldb,
             void *c, int ldc, bool add);

/* A right-hand operand that many products share (a weight, during a step), brought once into the order in
 * which the library's kernel reads it; each call of the others does that anew. b [k, n], or transposed [n,
 * k], dense, in `operands`; packed: gemm_packed_elements numbers, the caller's. */
void gemm_pack(enum precision operands, int n, int k, const void *b, bool transposed, void *packed);

/* C = A B with a B from gemm_pack.  a [m, k], b [k, n], c [m, n] */
void gemm_packed(enum gemm_types numbers, int m, int n, int k, const void *a, int lda, const void *packed,
                 void *c, int ldc);

#endif
