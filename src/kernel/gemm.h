/* Matrix products: the only includer of the gemm library's header.
 *
 * Row-major, one thread, the same bits for the same shapes and the same arithmetic. `ld` is the length of a row in
 * memory, in floats. */
#ifndef KERNEL_GEMM_H
#define KERNEL_GEMM_H

#include <stdbool.h>

/* One thread for the library; call once, before any product. */
void gemm_setup(void);

/* C = A B^T, or C += A B^T.  a [m, k], b [n, k], c [m, n] */
void gemm_nt(int m, int n, int k, const float *a, int lda, const float *b, int ldb, float *c, int ldc, bool add);

/* C = A B.  a [m, k], b [k, n], c [m, n] */
void gemm_nn(int m, int n, int k, const float *a, int lda, const float *b, int ldb, float *c, int ldc, bool add);

/* C = A^T B.  a [k, m], b [k, n], c [m, n] */
void gemm_tn(int m, int n, int k, const float *a, int lda, const float *b, int ldb, float *c, int ldc, bool add);

#endif
