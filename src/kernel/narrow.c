#include "kernel/narrow.h"

#include "kernel/lanes.h"

enum { UNROLLED = 11 }; // inputs up to which the compiler keeps a column's weights and sums in registers

INLINE void forward(void *restrict h, const float *restrict x, const float *restrict w,
                    const float *restrict b, int rows, const int in, int stride,
                    const enum precision precision)
{
    for (int j = 0; j < stride; j += LANES) {
        float_lanes bias = lanes_load(b, (size_t)j, PRECISION_FP32);
        for (size_t row = 0; row < (size_t)rows; row++) {
            float_lanes sum = bias;
            for (int k = 0; k < in; k++)
                sum +=
                    x[row * (size_t)in + (size_t)k] * lanes_load(w, (size_t)(k * stride + j), PRECISION_FP32);
            lanes_store(h, row * (size_t)stride + (size_t)j, lanes_relu(sum), precision);
        }
    }
}

INLINE float_lanes activation_gradient(const void *dh, const void *h, size_t at,
                                       const enum precision precision)
{
    int_lanes positive = lanes_load(h, at, precision) > 0;
    return (float_lanes)((int_lanes)lanes_load(dh, at, precision) & positive);
}

INLINE void backward(float *restrict dw, float *restrict db, const void *restrict dh, const void *restrict h,
                     const float *restrict x, int rows, const int in, int stride,
                     const enum precision precision)
{
    for (int j = 0; j < stride; j += LANES) {
        float_lanes bias = lanes_load(db, (size_t)j, PRECISION_FP32), weight[UNROLLED];
        for (int k = 0; k < in; k++)
            weight[k] = lanes_load(dw, (size_t)(k * stride + j), PRECISION_FP32);
        for (size_t row = 0; row < (size_t)rows; row++) {
            float_lanes dz = activation_gradient(dh, h, row * (size_t)stride + (size_t)j, precision);
            bias += dz;
            for (int k = 0; k < in; k++)
                weight[k] += x[row * (size_t)in + (size_t)k] * dz;
        }
        lanes_store(db, (size_t)j, bias, PRECISION_FP32);
        for (int k = 0; k < in; k++)
            lanes_store(dw, (size_t)(k * stride + j), weight[k], PRECISION_FP32);
    }
}

// Any number of inputs: the same sums, gathered in memory.
INLINE void backward_wide(float *dw, float *db, const void *dh, const void *h, const float *x, int rows,
                          int in, int stride, const enum precision precision)
{
    for (int j = 0; j < stride; j += LANES)
        for (size_t row = 0; row < (size_t)rows; row++) {
            float_lanes dz = activation_gradient(dh, h, row * (size_t)stride + (size_t)j, precision);
            *(float_lanes *)(db + j) += dz;
            for (int k = 0; k < in; k++)
                *(float_lanes *)(dw + k * stride + j) += x[row * (size_t)in + (size_t)k] * dz;
        }
}

#define EACH_WIDTH(CALL, PRECISION)                                                                          \
    CALL(2, PRECISION)                                                                                       \
    CALL(3, PRECISION)                                                                                       \
    CALL(4, PRECISION) CALL(5, PRECISION) CALL(6, PRECISION) CALL(7, PRECISION) CALL(8, PRECISION)           \
        CALL(9, PRECISION) CALL(10, PRECISION) CALL(11, PRECISION)

#define FORWARD(IN, PRECISION)                                                                               \
    case IN:                                                                                                 \
        forward(h, x, w, b, rows, IN, stride, PRECISION);                                                    \
        return;
#define BACKWARD(IN, PRECISION)                                                                              \
    case IN:                                                                                                 \
        backward(dw, db, dh, h, x, rows, IN, stride, PRECISION);                                             \
        return;

CLONES
static void forward_fp32(float *h, const float *x, const float *w, const float *b, int rows, int in,
                         int stride)
{
    switch (in) {
        EACH_WIDTH(FORWARD, PRECISION_FP32)
    default:
        forward(h, x, w, b, rows, in, stride, PRECISION_FP32);
    }
}

CLONES
static void forward_bf16(uint16_t *h, const float *x, const float *w, const float *b, int rows, int in,
                         int stride)
{
    switch (in) {
        EACH_WIDTH(FORWARD, PRECISION_BF16)
    default:
        forward(h, x, w, b, rows, in, stride, PRECISION_BF16);
    }
}

CLONES
static void backward_fp32(float *dw, float *db, const float *dh, const float *h, const float *x, int rows,
                          int in, int stride)
{
    switch (in) {
        EACH_WIDTH(BACKWARD, PRECISION_FP32)
    default:
        backward_wide(dw, db, dh, h, x, rows, in, stride, PRECISION_FP32);
    }
}

CLONES
static void backward_bf16(float *dw, float *db, const uint16_t *dh, const uint16_t *h, const float *x,
                          int rows, int in, int stride)
{
    switch (in) {
        EACH_WIDTH(BACKWARD, PRECISION_BF16)
    default:
        backward_wide(dw, db, dh, h, x, rows, in, stride, PRECISION_BF16);
    }
}

void narrow_relu_forward(void *h, const float *x, const float *w, const float *b, int rows, int in,
                         int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward_fp32(h, x, w, b, rows, in, stride);
    else
        forward_bf16(h, x, w, b, rows, in, stride);
}

void narrow_relu_backward(float *dw, float *db, const void *dh, const void *h, const float *x, int rows,
                          int in, int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        backward_fp32(dw, db, dh, h, x, rows, in, stride);
    else
        backward_bf16(dw, db, dh, h, x, rows, in, stride);
}
