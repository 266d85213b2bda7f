/* Bias and ReLU of dense layers, over rows of any width (no padding). */
#ifndef KERNEL_BIAS_RELU_H
#define KERNEL_BIAS_RELU_H

#include "base/precision.h"

/* z += b.  z [rows, ld] in `precision`, b [width] */
void bias_add(void *z, const float *b, int rows, int width, int ld, enum precision precision);

/* z = relu(z + b).  z [rows, ld] in `precision` */
void bias_relu(void *z, const float *b, int rows, int width, int ld, enum precision precision);

/* dz = dz where h > 0, else 0.  dz, h [rows, ld] in `precision` */
void relu_backward(void *dz, const void *h, int rows, int width, int ld, enum precision precision);

/* db += sum of dz's rows.  dz [rows, ld] in `precision` */
void bias_gradient(float *db, const void *dz, int rows, int width, int ld, enum precision precision);

#endif
