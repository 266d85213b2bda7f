/* Dense layers with few inputs (a pair has 3 to 10 numbers): too narrow for a gemm, so vector loops in fp32.
 *
 * The forward pass is cheap enough to be done again in the backward pass instead of keeping its result. */
#ifndef KERNEL_NARROW_H
#define KERNEL_NARROW_H

#include "base/precision.h"

/* h = relu(x w + b).
 * x [rows, in], w [in, stride] (transposed, padded), b [stride] (padded with zeros), h [rows, stride] in `precision` */
void narrow_relu_forward(void *h, const float *x, const float *w, const float *b, int rows, int in,
                         int stride, enum precision precision);

/* Adds the gradients of w and b, given the activations h and the gradient dh at them.
 * dw [in, stride], db [stride]; dh, h [rows, stride] in `precision` */
void narrow_relu_backward(float *dw, float *db, const void *dh, const void *h, const float *x, int rows,
                          int in, int stride, enum precision precision);

#endif
