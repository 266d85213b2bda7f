/* Dense layers with small K, the number of inputs (a pair has 3 to 10 elements): vector loops in fp32, faster
 * than a GEMM. */
#ifndef KERNEL_SMALL_K_H
#define KERNEL_SMALL_K_H

#include "base/precision.h"
#include "kernel/simd_set.h"

/* h = relu(x w + b).
 * x [rows, in], w [in, stride] (transposed, padded), b [stride] (padded with zeros), h [rows, stride] in
 * `precision` */
SIMD_FUNCTION(void, small_k_relu_forward, void *h, const float *x, const float *w, const float *b, int rows,
              int in, int stride, enum precision precision);
#define small_k_relu_forward SIMD_CHOOSE(small_k_relu_forward)

/* dw, db += the gradients of w and b, from the activations h and their gradient dh.
 * dw [in, stride], db [stride], x [rows, in]; dh, h [rows, stride] in `precision` */
SIMD_FUNCTION(void, small_k_relu_backward, float *dw, float *db, const void *dh, const void *h,
              const float *x, int rows, int in, int stride, enum precision precision);
#define small_k_relu_backward SIMD_CHOOSE(small_k_relu_backward)

#endif
