/* Bias and ReLU of dense layers, over rows of any width (no padding). */
#ifndef KERNEL_ACTIVATION_H
#define KERNEL_ACTIVATION_H

/* z += b.  z [rows, ld], b [width] */
void bias_add(float *z, const float *b, int rows, int width, int ld);

/* z = relu(z + b) */
void bias_relu(float *z, const float *b, int rows, int width, int ld);

/* dz = dz where h > 0, else 0.  dz [rows, ld], h [rows, ld] */
void relu_backward(float *dz, const float *h, int rows, int width, int ld);

/* db += sum of dz's rows. */
void bias_gradient(float *db, const float *dz, int rows, int width, int ld);

#endif
