#include "kernel/gemm.h"

#include <cblas.h>

void gemm_setup(void)
{
    openblas_set_num_threads(1);
}

void gemm_nt(int m, int n, int k, const float *a, int lda, const float *b, int ldb, float *c, int ldc, bool add)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, a, lda, b, ldb, add, c, ldc);
}

void gemm_nn(int m, int n, int k, const float *a, int lda, const float *b, int ldb, float *c, int ldc, bool add)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a, lda, b, ldb, add, c, ldc);
}

void gemm_tn(int m, int n, int k, const float *a, int lda, const float *b, int ldb, float *c, int ldc, bool add)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, k, 1, a, lda, b, ldb, add, c, ldc);
}
