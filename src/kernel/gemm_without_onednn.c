// Takes gemm_onednn.c's place where oneDNN is not installed.
#include "kernel/gemm_onednn.h"

bool gemm_onednn_setup(void)
{
    return false;
}

void gemm_onednn_name(char *name, int size)
{
    if (size > 0)
        name[0] = '\0';
}

void gemm_onednn_pack(int n, int k, const void *b, bool transposed, void *packed)
{
    (void)n, (void)k, (void)b, (void)transposed, (void)packed;
}

void gemm_onednn(const struct gemm *gemm)
{
    (void)gemm;
}
