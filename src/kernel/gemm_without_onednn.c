// Takes gemm_onednn.c's place where oneDNN is not installed.
#include "kernel/gemm_onednn.h"

bool gemm_onednn_setup(void)
{
    return false;
}

void gemm_onednn_name(enum precision operands, char *name, int size)
{
    (void)operands;
    if (size > 0)
        name[0] = '\0';
}

void gemm_onednn_pack(enum precision operands, int n, int k, const void *b, bool transposed, void *packed)
{
    (void)operands, (void)n, (void)k, (void)b, (void)transposed, (void)packed;
}

void gemm_onednn(const struct gemm *gemm)
{
    (void)gemm;
}
