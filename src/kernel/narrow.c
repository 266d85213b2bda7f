#include "kernel/narrow.h"

#include "kernel/lanes.h"

#include <assert.h>

// With the number of inputs a constant the compiler keeps a column's weights and sums in registers.
#define INLINE static inline __attribute__((always_inline))

INLINE void forward(float *restrict h, const float *restrict x, const float *restrict w, const float *restrict b, int rows,
                    const int in, int stride)
{
    for (int j = 0; j < stride; j += LANES) {
        float_lanes bias = *(const float_lanes *)(b + j);
        float_lanes weight[NARROW_MAX];
        for (int k = 0; k < in; k++)
            weight[k] = *(const float_lanes *)(w + k * stride + j);
        for (int row = 0; row < rows; row++) {
            float_lanes sum = bias;
            for (int k = 0; k < in; k++)
                sum += x[row * in + k] * weight[k];
            int_lanes negative = sum < 0; // not `positive`: NaN must pass
            *(float_lanes *)(h + row * stride + j) = (float_lanes)((int_lanes)sum & ~negative);
        }
    }
}

INLINE void backward(float *restrict dw, float *restrict db, const float *restrict dh, const float *restrict h,
                     const float *restrict x, int rows, const int in, int stride)
{
    for (int j = 0; j < stride; j += LANES) {
        float_lanes bias = *(float_lanes *)(db + j);
        float_lanes weight[NARROW_MAX];
        for (int k = 0; k < in; k++)
            weight[k] = *(float_lanes *)(dw + k * stride + j);
        for (int row = 0; row < rows; row++) {
            int_lanes positive = *(const float_lanes *)(h + row * stride + j) > 0;
            float_lanes dz = (float_lanes)(*(const int_lanes *)(dh + row * stride + j) & positive);
            bias += dz;
            for (int k = 0; k < in; k++)
                weight[k] += x[row * in + k] * dz;
        }
        *(float_lanes *)(db + j) = bias;
        for (int k = 0; k < in; k++)
            *(float_lanes *)(dw + k * stride + j) = weight[k];
    }
}

#define EACH_WIDTH(CALL)                                                                                       \
    switch (in) {                                                                                              \
        CALL(1) CALL(2) CALL(3) CALL(4) CALL(5) CALL(6) CALL(7) CALL(8) CALL(9) CALL(10) CALL(11) CALL(12) CALL(13)      \
            CALL(14) CALL(15) CALL(16)                                                                         \
    default:                                                                                                   \
        assert(!"narrow layer too wide");                                                                      \
    }

#define FORWARD(IN)                                                                                            \
    case IN:                                                                                                   \
        forward(h, x, w, b, rows, IN, stride);                                                                 \
        break;
#define BACKWARD(IN)                                                                                           \
    case IN:                                                                                                   \
        backward(dw, db, dh, h, x, rows, IN, stride);                                                          \
        break;

CLONES
void narrow_relu_forward(float *h, const float *x, const float *w, const float *b, int rows, int in, int stride)
{
    EACH_WIDTH(FORWARD)
}

CLONES
void narrow_relu_backward(float *dw, float *db, const float *dh, const float *h, const float *x, int rows, int in,
                          int stride)
{
    EACH_WIDTH(BACKWARD)
}
