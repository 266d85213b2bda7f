/* GEMMs by oneDNN. A oneDNN primitive computes one shape and takes milliseconds to create, so primitives are
 * cached. */
#ifndef KERNEL_GEMM_ONEDNN_H
#define KERNEL_GEMM_ONEDNN_H

#include "kernel/gemm.h"

struct gemm_shape {
    enum gemm_types types;
    int m, n, k, lda, ldb, ldc;
    int transpose_a, transpose_b, add; // int: the struct has no padding and is compared as bytes
    int packed;                        // b comes from gemm_onednn_pack
};

/* Sets oneDNN up for one thread. False if this program was built without it. */
bool gemm_onednn_setup(void);

/* Writes version and kernel for such operands, "2.6.3 brg:avx512_core"; "" if oneDNN has no kernel for this
 * processor. */
void gemm_onednn_name(enum precision operands, char *name, int size);

/* gemm_pack and the GEMM of `shape` by oneDNN. */
void gemm_onednn_pack(enum precision operands, int n, int k, const void *b, bool transposed, void *packed);

void gemm_onednn(const struct gemm_shape *shape, const void *a, const void *b, void *c);

#endif
