#include "kernel/small_k.h"

#include "kernel/gemm.h"
#include "kernel/simd_rows.h"

// Max inputs whose weights or sums stay in registers for a block of columns.
enum { INPUTS = 6 };

// Forward pass for any number of inputs, columns from `first` on. Reads the weights for each row.
SIMD_INLINE void forward_wide(void *h, const float *x, const float *w, const float *b, int rows, int in,
                              size_t stride, size_t first, const enum precision precision)
{
    for (int row = 0; row < rows; row++, x += in)
        for (size_t j = first; j < stride; j += SIMD_FLOATS) {
            simd_float sum = simd_load(b + j);
            for (int k = 0; k < in; k++)
                sum = simd_fma(simd_broadcast(x[k]), simd_load(w + (size_t)k * stride + j), sum);
            simd_store_as(h, (size_t)row * stride + j, simd_relu(sum), precision);
        }
}

// One row of a block of columns: h = relu(x w + b).
SIMD_INLINE void row_forward(simd_float *h, const float *x, simd_float weight[][BLOCK],
                             const simd_float *bias, const int in, const int block)
{
    for (int l = 0; l < block; l++) {
        h[l] = bias[l];
        for (int k = 0; k < in; k++)
            h[l] = simd_fma(simd_broadcast(x[k]), weight[k][l], h[l]);
        h[l] = simd_relu(h[l]);
    }
}

SIMD_INLINE void columns_forward(void *restrict h, const float *restrict x, const float *restrict w,
                                 const float *restrict b, int rows, const int in, size_t stride, size_t first,
                                 const int block, const enum precision precision)
{
    simd_float bias[BLOCK], weight[INPUTS][BLOCK];
    columns_load_with(bias, b, first, block, precision);
    for (int k = 0; k < in; k++)
        columns_load_with(weight[k], w, (size_t)k * stride + first, block, precision);
    for (int row = 0; row < rows; row++, x += in) {
        simd_float value[BLOCK];
        row_forward(value, x, weight, bias, in, block);
        columns_store(h, (size_t)row * stride + first, value, block, precision);
    }
}

SIMD_INLINE void forward(void *h, const float *x, const float *w, const float *b, int rows, const int in,
                         size_t stride, const enum precision precision)
{
    size_t j = 0, columns = BLOCK * SIMD_FLOATS;
    for (; j + columns <= stride; j += columns)
        columns_forward(h, x, w, b, rows, in, stride, j, BLOCK, precision);
    forward_wide(h, x, w, b, rows, in, stride, j, precision);
}

#if defined(SIMD_AVX512)
// Forward pass in bf16 with the processor's rounding instruction. The vectors are in column order, since the
// instruction rounds two neighbouring vectors.
SIMD_INLINE void forward_native(uint16_t *restrict h, const float *restrict x, const float *restrict w,
                                const float *restrict b, int rows, const int in, size_t stride)
{
    simd_float bias[BLOCK], weight[INPUTS][BLOCK];
    size_t j = 0, columns = BLOCK * SIMD_FLOATS;
    for (; j + columns <= stride; j += columns) {
        const float *input = x;
        columns_load(bias, b, j, BLOCK, PRECISION_FP32);
        for (int k = 0; k < in; k++)
            columns_load(weight[k], w, (size_t)k * stride + j, BLOCK, PRECISION_FP32);
        for (int row = 0; row < rows; row++, input += in) {
            simd_float value[BLOCK];
            row_forward(value, input, weight, bias, in, BLOCK);
            columns_round_store(h, (size_t)row * stride + j, value, BLOCK);
        }
    }
    forward_wide(h, x, w, b, rows, in, stride, j, PRECISION_BF16);
}
#endif

// Backward pass of `inputs` of the `in` inputs: x points at the first of them in the first row, dw at its
// row. db: NULL if the bias gradient has been added already.
SIMD_INLINE void columns_backward(float *restrict dw, float *restrict db, const void *restrict dh,
                                  const void *restrict h, const float *restrict x, int rows, int in,
                                  const int inputs, size_t stride, size_t first, const int block,
                                  const enum precision precision)
{
    simd_float bias[BLOCK] = {{0}}, weight[INPUTS][BLOCK];
    if (db)
        columns_load_with(bias, db, first, block, precision);
    for (int k = 0; k < inputs; k++)
        columns_load_with(weight[k], dw, (size_t)k * stride + first, block, precision);
    for (int row = 0; row < rows; row++, x += in) {
        simd_float dz[BLOCK], value[BLOCK];
        columns_load(dz, dh, (size_t)row * stride + first, block, precision);
        columns_load(value, h, (size_t)row * stride + first, block, precision);
        for (int l = 0; l < block; l++) {
            dz[l] = (simd_float)((simd_int)dz[l] & (value[l] > 0));
            bias[l] += dz[l];
            for (int k = 0; k < inputs; k++)
                weight[k][l] = simd_fma(simd_broadcast(x[k]), dz[l], weight[k][l]);
        }
    }
    if (db)
        columns_store_with(db, first, bias, block, precision);
    for (int k = 0; k < inputs; k++)
        columns_store_with(dw, (size_t)k * stride + first, weight[k], block, precision);
}

SIMD_INLINE void backward(float *dw, float *db, const void *dh, const void *h, const float *x, int rows,
                          int in, const int inputs, size_t stride, const enum precision precision)
{
    size_t j = 0, columns = BLOCK * SIMD_FLOATS;
    for (; j + columns <= stride; j += columns)
        columns_backward(dw, db, dh, h, x, rows, in, inputs, stride, j, BLOCK, precision);
    for (; j < stride; j += SIMD_FLOATS)
        columns_backward(dw, db, dh, h, x, rows, in, inputs, stride, j, 1, precision);
}

#define EACH(CALL, PRECISION)                                                                                \
    CALL(1, PRECISION)                                                                                       \
    CALL(2, PRECISION)                                                                                       \
    CALL(3, PRECISION)                                                                                       \
    CALL(4, PRECISION)                                                                                       \
    CALL(5, PRECISION)                                                                                       \
    CALL(6, PRECISION)

#define FORWARD(IN, PRECISION)                                                                               \
    case IN:                                                                                                 \
        forward(h, x, w, b, rows, IN, (size_t)stride, PRECISION);                                            \
        break;
#define BACKWARD(INPUTS, PRECISION)                                                                          \
    case INPUTS:                                                                                             \
        backward(dw, db, dh, h, x, rows, in, INPUTS, (size_t)stride, PRECISION);                             \
        break;

SIMD_INLINE void forward_any(void *h, const float *x, const float *w, const float *b, int rows, int in,
                             int stride, const enum precision precision)
{
    switch (in) {
        EACH(FORWARD, precision)
    default:
        forward_wide(h, x, w, b, rows, in, (size_t)stride, 0, precision);
    }
}

#if defined(SIMD_AVX512)
#define FORWARD_NATIVE(IN, PRECISION)                                                                        \
    case IN:                                                                                                 \
        forward_native(h, x, w, b, rows, IN, (size_t)stride);                                                \
        break;

SIMD_INLINE void forward_any_native(void *h, const float *x, const float *w, const float *b, int rows, int in,
                                    int stride)
{
    switch (in) {
        EACH(FORWARD_NATIVE, PRECISION_BF16)
    default:
        forward_wide(h, x, w, b, rows, in, (size_t)stride, 0, PRECISION_BF16);
    }
}
#else
#define forward_any_native(h, x, w, b, rows, in, stride)                                                     \
    forward_any(h, x, w, b, rows, in, stride, PRECISION_BF16)
#endif

void SIMD_NAME(small_k_relu_forward)(void *h, const float *x, const float *w, const float *b, int rows,
                                     int in, int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward_any(h, x, w, b, rows, in, stride, PRECISION_FP32);
    else if (gemm_rounds_natively())
        forward_any_native(h, x, w, b, rows, in, stride);
    else
        forward_any(h, x, w, b, rows, in, stride, PRECISION_BF16);
}

SIMD_INLINE void backward_any(float *dw, float *db, const void *dh, const void *h, const float *x, int rows,
                              int in, int inputs, int stride, const enum precision precision)
{
    switch (inputs) {
        EACH(BACKWARD, precision)
    }
}

void SIMD_NAME(small_k_relu_backward)(float *dw, float *db, const void *dh, const void *h, const float *x,
                                      int rows, int in, int stride, enum precision precision)
{
    for (int k = 0; k < in; k += INPUTS) {
        int inputs = in - k < INPUTS ? in - k : INPUTS;
        float *sums = dw + (size_t)k * (size_t)stride, *bias = k == 0 ? db : NULL;
        if (precision == PRECISION_FP32)
            backward_any(sums, bias, dh, h, x + k, rows, in, inputs, stride, PRECISION_FP32);
        else
            backward_any(sums, bias, dh, h, x + k, rows, in, inputs, stride, PRECISION_BF16);
    }
}
