#include "kernel/activation.h"

#include "kernel/lanes.h"

#include <stddef.h>

CLONES
void bias_add(float *restrict z, const float *restrict b, int rows, int width, int ld)
{
    for (int row = 0; row < rows; row++, z += ld)
        for (int j = 0; j < width; j++)
            z[j] += b[j];
}

CLONES
void bias_relu(float *restrict z, const float *restrict b, int rows, int width, int ld)
{
    for (int row = 0; row < rows; row++, z += ld)
        for (int j = 0; j < width; j++) {
            float value = z[j] + b[j];
            z[j] = value < 0 ? 0 : value; // NaN passes
        }
}

CLONES
void relu_backward(float *restrict dz, const float *restrict h, int rows, int width, int ld)
{
    for (int row = 0; row < rows; row++, dz += ld, h += ld)
        for (int j = 0; j < width; j++)
            dz[j] = h[j] > 0 ? dz[j] : 0;
}

CLONES
void bias_gradient(float *restrict db, const float *restrict dz, int rows, int width, int ld)
{
    for (int row = 0; row < rows; row++, dz += ld)
        for (int j = 0; j < width; j++)
            db[j] += dz[j];
}
