/* Dense layers with few inputs (a pair has 3 to 10 numbers): too narrow for a gemm, so vector loops in fp32.
 *
 * The forward pass is cheap enough to be done again in the backward pass instead of keeping its result. */
#ifndef KERNEL_SMALL_K_H
#define KERNEL_SMALL_K_H

#include "base/precision.h"

/* h = relu(x w + b).
 * x [rows, in], w [in, stride] (transposed, padded), b [stride] (padded with zeros), h [rows, stride] in
 * `precision` */
void small_k_relu_forward(void *h, const float *x, const float *w, const float *b, int rows, int in,
                          int stride, enum precision precision);

/* Adds the gradients of w and b, given the activations h and the gradient dh at them.
 * dw [in, stride], db [stride]; dh, h [rows, stride] in `precision` */
void small_k_relu_backward(float *dw, float *db, const void *dh, const void *h, const float *x, int rows,
                           int in, int stride, enum precision precision);

/* The same in fp32 from a transposed gradient. Whether a unit was positive is found anew: its few inputs cost
 * less than reading it. dh [width, rows], x [in, rows]: rows filled up to whole lanes, with zeros in dh; w
 * and b as in the forward pass. */
void small_k_relu_backward_transposed(float *dw, float *db, const float *dh, const float *x, const float *w,
                                      const float *b, int rows, int in, int width, int stride);

#endif
