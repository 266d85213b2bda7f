/* Products by oneDNN. Its primitives are made for one shape each and cost milliseconds, so they are kept. */
#ifndef KERNEL_GEMM_ONEDNN_H
#define KERNEL_GEMM_ONEDNN_H

#include "kernel/gemm.h"

struct gemm_shape {
    enum gemm_types numbers;
    int m, n, k, lda, ldb, ldc;
    int transpose_a, transpose_b, add; // int, so that the struct has no holes and can be compared as bytes
    int packed;                        // b comes from gemm_onednn_pack
};

/* Sets oneDNN up for one thread. False if this program was built without it. */
bool gemm_onednn_setup(void);

/* "2.6.3 brg:avx512_core": version and kernel for such operands; "" if it has none of its own for this
 * processor. */
void gemm_onednn_name(enum precision operands, char *name, int size);

void gemm_onednn_pack(enum precision operands, int n, int k, const void *b, bool transposed, void *packed);

void gemm_onednn(const struct gemm_shape *shape, const void *a, const void *b, void *c);

#endif
