#include "kernel/bias_relu.h"

#include "kernel/operand.h"
#include "kernel/simd.h"

SIMD_INLINE void bias_add_fp32(float *restrict z, const float *restrict b, int rows, int width, int ld)
{
    for (int row = 0; row < rows; row++, z += ld)
        for (int j = 0; j < width; j++)
            z[j] += b[j];
}

SIMD_INLINE void bias_add_bf16(uint16_t *restrict z, const float *restrict b, int rows, int width, int ld)
{
    for (int row = 0; row < rows; row++, z += ld)
        for (int j = 0; j < width; j++)
            z[j] = operand_round_one(operand_widen_one(z[j]) + b[j]);
}

void SIMD_NAME(bias_add)(void *z, const float *b, int rows, int width, int ld, enum precision precision)
{
    if (precision == PRECISION_FP32)
        bias_add_fp32(z, b, rows, width, ld);
    else
        bias_add_bf16(z, b, rows, width, ld);
}

SIMD_INLINE void bias_relu_fp32(float *restrict z, const float *restrict b, int rows, int width, int ld)
{
    for (int row = 0; row < rows; row++, z += ld)
        for (int j = 0; j < width; j++) {
            float value = z[j] + b[j];
            z[j] = value < 0 ? 0 : value; // NaN passes
        }
}

SIMD_INLINE void bias_relu_bf16(uint16_t *restrict z, const float *restrict b, int rows, int width, int ld)
{
    for (int row = 0; row < rows; row++, z += ld)
        for (int j = 0; j < width; j++) {
            float value = operand_widen_one(z[j]) + b[j];
            z[j] = operand_round_one(value < 0 ? 0 : value);
        }
}

void SIMD_NAME(bias_relu)(void *z, const float *b, int rows, int width, int ld, enum precision precision)
{
    if (precision == PRECISION_FP32)
        bias_relu_fp32(z, b, rows, width, ld);
    else
        bias_relu_bf16(z, b, rows, width, ld);
}

SIMD_INLINE void relu_backward_fp32(float *restrict dz, const float *restrict h, int rows, int width, int ld)
{
    for (int row = 0; row < rows; row++, dz += ld, h += ld)
        for (int j = 0; j < width; j++)
            dz[j] = h[j] > 0 ? dz[j] : 0;
}

SIMD_INLINE void relu_backward_bf16(uint16_t *restrict dz, const uint16_t *restrict h, int rows, int width,
                                    int ld)
{
    for (int row = 0; row < rows; row++, dz += ld, h += ld)
        for (int j = 0; j < width; j++)
            dz[j] = operand_widen_one(h[j]) > 0 ? dz[j] : 0;
}

void SIMD_NAME(relu_backward)(void *dz, const void *h, int rows, int width, int ld, enum precision precision)
{
    if (precision == PRECISION_FP32)
        relu_backward_fp32(dz, h, rows, width, ld);
    else
        relu_backward_bf16(dz, h, rows, width, ld);
}

SIMD_INLINE void bias_gradient_fp32(float *restrict db, const float *restrict dz, int rows, int width, int ld)
{
    for (int row = 0; row < rows; row++, dz += ld)
        for (int j = 0; j < width; j++)
            db[j] += dz[j];
}

SIMD_INLINE void bias_gradient_bf16(float *restrict db, const uint16_t *restrict dz, int rows, int width,
                                    int ld)
{
    for (int row = 0; row < rows; row++, dz += ld)
        for (int j = 0; j < width; j++)
            db[j] += operand_widen_one(dz[j]);
}

void SIMD_NAME(bias_gradient)(float *db, const void *dz, int rows, int width, int ld,
                              enum precision precision)
{
    if (precision == PRECISION_FP32)
        bias_gradient_fp32(db, dz, rows, width, ld);
    else
        bias_gradient_bf16(db, dz, rows, width, ld);
}
