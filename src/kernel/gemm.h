/* GEMMs by libraries. Only gemm.c and gemm_onednn.c include the libraries' headers.
 *
 * Row-major, one thread; equal shapes and numerics give equal bits. `ld` is the distance of two rows in
 * elements. Two libraries: OpenBLAS always; oneDNN if it was built in and the processor has AVX-512. The
 * choice depends on the processor alone, never on a measurement, since the bits depend on it. */
#ifndef KERNEL_GEMM_H
#define KERNEL_GEMM_H

#include "base/precision.h"
#include "spec/buffer_sizes.h"

#include <stdbool.h>
#include <stddef.h>

/* Types of a GEMM's operands and result. Sums are fp32 in all cases. */
enum gemm_types {
    GEMM_FP32,
    GEMM_BF16_FP32, // operands bfloat16, result fp32
    GEMM_BF16,      // operands and result bfloat16
};

enum gemm_library { GEMM_OPENBLAS, GEMM_ONEDNN };

/* Chooses the libraries and sets them to one thread. Call once, before any GEMM. */
void gemm_setup(void);

/* Library for GEMMs with such operands. GEMM_OPENBLAS widens bf16 operands to fp32: the same rounding, not
 * faster than fp32. */
enum gemm_library gemm_library(enum precision operands);

/* For tests: uses `library` from now on. False, without effect, if the library is not available. */
bool gemm_use(enum precision operands, enum gemm_library library);

/* Why GEMMs with bf16 operands are computed in fp32, as a clause for messages; NULL if they are not. */
const char *gemm_bf16_fallback_reason(void);

/* Library, version and kernel for such operands: "oneDNN 2.6.3 brg:avx512_core", "OpenBLAS 0.3.21 Haswell".
 * Valid for the life of the process. */
const char *gemm_name(enum precision operands);

/* All available libraries with version and kernel. Valid for the life of the process. */
const char *gemm_libraries(void);

/* C = A B, or C += A B (fp32 results only).  a [m, k], b [k, n], c [m, n] */
void gemm_nn(enum gemm_types types, int m, int n, int k, const void *a, int lda, const void *b, int ldb,
             void *c, int ldc, bool add);

/* C = A B^T.  a [m, k], b [n, k], c [m, n] */
void gemm_nt(enum gemm_types types, int m, int n, int k, const void *a, int lda, const void *b, int ldb,
             void *c, int ldc, bool add);

/* C = A^T B.  a [k, m], b [k, n], c [m, n] */
void gemm_tn(enum gemm_types types, int m, int n, int k, const void *a, int lda, const void *b, int ldb,
             void *c, int ldc, bool add);

/* Packs a right-hand operand that many GEMMs share, such as a weight during a step, into the order in which
 * the library's kernel reads it. The other functions pack in each call.
 *
 * b [k, n], or [n, k] if transposed, dense, in `operands`; packed [gemm_packed_elements] in `operands` */
void gemm_pack(enum precision operands, int n, int k, const void *b, bool transposed, void *packed);

/* C = A B with a B from gemm_pack.  a [m, k], b [k, n], c [m, n] */
void gemm_packed(enum gemm_types types, int m, int n, int k, const void *a, int lda, const void *packed,
                 void *c, int ldc);

#endif
