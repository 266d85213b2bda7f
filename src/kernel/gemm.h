/* GEMMs of training, by the program's own fp32 kernel or by a library. Only gemm.c and gemm_onednn.c include
 * the libraries' headers.
 *
 * Row-major, one thread; equal shapes and numerics give equal bits. fp32 is computed by gemm_fp32.h, whose
 * bits are the same on every processor, unless gemm_use chose OpenBLAS. bf16 is computed by oneDNN if it was
 * built in and the processor has bf16 instructions, else by gemm_fp32.h on widened operands. The choice
 * depends on the processor alone, never on a measurement, since the bits depend on it. */
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

enum gemm_library { GEMM_PORTABLE, GEMM_OPENBLAS, GEMM_ONEDNN, GEMM_LIBRARIES };

/* Chooses the libraries and sets them to one thread. Call once, before any GEMM. */
void gemm_setup(void);

/* Library for GEMMs with such operands. For bf16 GEMM_PORTABLE and GEMM_OPENBLAS widen the operands to fp32:
 * the same rounding, not faster than fp32. */
enum gemm_library gemm_library(enum precision operands);

/* Uses `library` from now on. False, without effect, if it is not available for such operands. */
bool gemm_use(enum precision operands, enum gemm_library library);

/* Why GEMMs with bf16 operands are computed in fp32, as a clause for messages; NULL if they are not. */
const char *gemm_bf16_fallback_reason(void);

/* Whether kernels may round to bfloat16 by the processor's instruction, which makes values below 2^-126 zero:
 * if oneDNN, whose bits depend on the processor anyway, computes with bf16 instructions. */
bool gemm_rounds_natively(void);

/* Whether bf16 GEMMs are faster over rows of whole blocks (model_round_rows): with AMX. */
bool gemm_prefers_blocks(void);

/* "portable", "OpenBLAS" or "oneDNN" */
const char *gemm_library_name(enum gemm_library library);

/* Name, version and kernel of gemm_library(operands): "portable 1", "oneDNN 2.6.3 brg:avx512_core_bf16",
 * "OpenBLAS 0.3.21 Haswell". Valid for the life of the process. */
const char *gemm_name(enum precision operands);

/* All available libraries with version and kernel. Valid for the life of the process. */
const char *gemm_libraries(void);

/* C = A B, where A, B or both may be transposed. Rows are lda, ldb, ldc elements apart; gemm_multiply reads 0
 * as the length of a row. */
struct gemm {
    enum gemm_types types;
    int m, n, k, lda, ldb, ldc;
    bool a_transposed, b_transposed;
    const void *a;      // [m, k], or [k, m] if a_transposed
    const void *b;      // [k, n], or [n, k] if b_transposed; not read if packed is set
    const void *packed; // B from gemm_pack, or NULL
    void *c;            // [m, n]

    const float *bias; // [n], added to each row; NULL: nothing
    bool relu;         // C = relu(A B + bias)
    bool add;          // C += A B; not with bf16 results, bias or relu
};

void gemm_multiply(const struct gemm *gemm);

/* Packs a right-hand operand that many GEMMs share, such as a weight during a step, into the order in which
 * the kernel reads it. GEMMs with other operands pack in each call.
 *
 * b [k, n], or [n, k] if transposed, dense, in `operands`; packed [gemm_packed_elements] in `operands` */
void gemm_pack(enum precision operands, int n, int k, const void *b, bool transposed, void *packed);

#endif
