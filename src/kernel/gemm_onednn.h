/* GEMMs by oneDNN: of bf16 operands in training, of fp32 operands in `bench` alone, for comparison. A
 * primitive computes one shape and takes milliseconds to create, so primitives are cached. */
#ifndef KERNEL_GEMM_ONEDNN_H
#define KERNEL_GEMM_ONEDNN_H

#include "kernel/gemm.h"

/* Sets oneDNN up for one thread. False if this program was built without it. */
bool gemm_onednn_setup(void);

/* Writes version and kernel, "2.6.3 brg:avx512_core_bf16"; "" if oneDNN has no kernel for such operands on
 * this processor. */
void gemm_onednn_name(enum precision operands, char *name, int size);

/* gemm_pack and gemm_multiply by oneDNN, without bias and ReLU. */
void gemm_onednn_pack(enum precision operands, int n, int k, const void *b, bool transposed, void *packed);
void gemm_onednn(const struct gemm *gemm);

#endif
