/* Bias and ReLU of dense layers, over rows of any width (no padding). */
#ifndef KERNEL_BIAS_RELU_H
#define KERNEL_BIAS_RELU_H

#include "base/precision.h"
#include "kernel/simd_set.h"

/* z += b.  z [rows, ld] in `precision`, b [width] */
SIMD_FUNCTION(void, bias_add, void *z, const float *b, int rows, int width, int ld, enum precision precision);
#define bias_add SIMD_CHOOSE(bias_add)

/* z = relu(z + b).  z [rows, ld] in `precision` */
SIMD_FUNCTION(void, bias_relu, void *z, const float *b, int rows, int width, int ld,
              enum precision precision);
#define bias_relu SIMD_CHOOSE(bias_relu)

/* dz = dz where h > 0, else 0.  dz, h [rows, ld] in `precision` */
SIMD_FUNCTION(void, relu_backward, void *dz, const void *h, int rows, int width, int ld,
              enum precision precision);
#define relu_backward SIMD_CHOOSE(relu_backward)

/* db += sum of dz's rows.  dz [rows, ld] in `precision` */
SIMD_FUNCTION(void, bias_gradient, float *db, const void *dz, int rows, int width, int ld,
              enum precision precision);
#define bias_gradient SIMD_CHOOSE(bias_gradient)

#endif
