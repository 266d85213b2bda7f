/* Dense layers with few inputs (a pair has 3 to 10 numbers): too narrow for a gemm, so vector loops.
 *
 * The forward pass is cheap enough to be done again in the backward pass instead of keeping its result. */
#ifndef KERNEL_NARROW_H
#define KERNEL_NARROW_H

enum { NARROW_MAX = 16 }; // widest input these loops are made for

/* h = relu(x w + b).
 * x [rows, in], w [in, stride] (transposed, padded), b [stride] (padded with zeros), h [rows, stride] */
void narrow_relu_forward(float *h, const float *x, const float *w, const float *b, int rows, int in, int stride);

/* Adds the gradients of w and b, given the activations h and the gradient dh at them.
 * dw [in, stride], db [stride] */
void narrow_relu_backward(float *dw, float *db, const float *dh, const float *h, const float *x, int rows, int in,
                          int stride);

#endif
