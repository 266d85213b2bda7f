#include "kernel/small_k.h"

#include "kernel/column_blocks.h"

// Max inputs whose weights or sums stay in registers for a block of columns.
enum { INPUTS = 6 };

// Forward pass for any number of inputs, columns from `first` on. Reads the weights for each row.
INLINE void forward_wide(void *h, const float *x, const float *w, const float *b, int rows, int in,
                         size_t stride, size_t first, const enum precision precision)
{
    for (int row = 0; row < rows; row++, x += in)
        for (size_t j = first; j < stride; j += LANES) {
            float_lanes sum = lanes_load(b, j, PRECISION_FP32);
            for (int k = 0; k < in; k++)
                sum += x[k] * lanes_load(w, (size_t)k * stride + j, PRECISION_FP32);
            lanes_store(h, (size_t)row * stride + j, lanes_relu(sum), precision);
        }
}

// One row of a block of columns: h = relu(x w + b).
INLINE void row_forward(float_lanes *h, const float *x, float_lanes weight[][BLOCK], const float_lanes *bias,
                        const int in, const int block)
{
    for (int l = 0; l < block; l++) {
        h[l] = bias[l];
        for (int k = 0; k < in; k++)
            h[l] += x[k] * weight[k][l];
        h[l] = lanes_relu(h[l]);
    }
}

INLINE void columns_forward(void *restrict h, const float *restrict x, const float *restrict w,
                            const float *restrict b, int rows, const int in, size_t stride, size_t first,
                            const int block, const enum precision precision)
{
    float_lanes bias[BLOCK], weight[INPUTS][BLOCK];
    columns_load_with(bias, b, first, block, precision);
    for (int k = 0; k < in; k++)
        columns_load_with(weight[k], w, (size_t)k * stride + first, block, precision);
    for (int row = 0; row < rows; row++, x += in) {
        float_lanes value[BLOCK];
        row_forward(value, x, weight, bias, in, block);
        columns_store(h, (size_t)row * stride + first, value, block, precision);
    }
}

INLINE void forward(void *h, const float *x, const float *w, const float *b, int rows, const int in,
                    size_t stride, const enum precision precision)
{
    size_t j = 0, columns = BLOCK * LANES;
    for (; j + columns <= stride; j += columns)
        columns_forward(h, x, w, b, rows, in, stride, j, BLOCK, precision);
    forward_wide(h, x, w, b, rows, in, stride, j, precision);
}

// Forward pass in bf16 with the processor's rounding instruction. The vectors are in column order, since the
// instruction rounds two neighbouring vectors.
INLINE void forward_native(uint16_t *restrict h, const float *restrict x, const float *restrict w,
                           const float *restrict b, int rows, const int in, size_t stride)
{
    float_lanes bias[BLOCK], weight[INPUTS][BLOCK];
    size_t j = 0, columns = BLOCK * LANES;
    for (; j + columns <= stride; j += columns) {
        const float *input = x;
        columns_load(bias, b, j, BLOCK, PRECISION_FP32);
        for (int k = 0; k < in; k++)
            columns_load(weight[k], w, (size_t)k * stride + j, BLOCK, PRECISION_FP32);
        for (int row = 0; row < rows; row++, input += in) {
            float_lanes value[BLOCK];
            row_forward(value, input, weight, bias, in, BLOCK);
            columns_round_store(h, (size_t)row * stride + j, value, BLOCK);
        }
    }
    forward_wide(h, x, w, b, rows, in, stride, j, PRECISION_BF16);
}

// Backward pass of `inputs` of the `in` inputs: x points at the first of them in the first row, dw at its
// row. db: NULL if the bias gradient has been added already.
INLINE void columns_backward(float *restrict dw, float *restrict db, const void *restrict dh,
                             const void *restrict h, const float *restrict x, int rows, int in,
                             const int inputs, size_t stride, size_t first, const int block,
                             const enum precision precision)
{
    float_lanes bias[BLOCK] = {{0}}, weight[INPUTS][BLOCK];
    if (db)
        columns_load_with(bias, db, first, block, precision);
    for (int k = 0; k < inputs; k++)
        columns_load_with(weight[k], dw, (size_t)k * stride + first, block, precision);
    for (int row = 0; row < rows; row++, x += in) {
        float_lanes dz[BLOCK], value[BLOCK];
        columns_load(dz, dh, (size_t)row * stride + first, block, precision);
        columns_load(value, h, (size_t)row * stride + first, block, precision);
        for (int l = 0; l < block; l++) {
            dz[l] = (float_lanes)((int_lanes)dz[l] & (value[l] > 0));
            bias[l] += dz[l];
            for (int k = 0; k < inputs; k++)
                weight[k][l] += x[k] * dz[l];
        }
    }
    if (db)
        columns_store_with(db, first, bias, block, precision);
    for (int k = 0; k < inputs; k++)
        columns_store_with(dw, (size_t)k * stride + first, weight[k], block, precision);
}

INLINE void backward(float *dw, float *db, const void *dh, const void *h, const float *x, int rows, int in,
                     const int inputs, size_t stride, const enum precision precision)
{
    size_t j = 0, columns = BLOCK * LANES;
    for (; j + columns <= stride; j += columns)
        columns_backward(dw, db, dh, h, x, rows, in, inputs, stride, j, BLOCK, precision);
    for (; j < stride; j += LANES)
        columns_backward(dw, db, dh, h, x, rows, in, inputs, stride, j, 1, precision);
}

// ---- backward pass, transposed: one row per lane ----

enum { UNITS = 2 }; // units that share the loads of x

// Sums over the rows, for a block of units: sum[0] of dz, the gradient before the ReLU; sum[1 + k] of dz
// times input first + k.
INLINE void units_backward(float_lanes (*restrict sum)[LANES], const float *restrict dh,
                           const float *restrict x, const float *restrict w, const float *restrict b,
                           size_t rows, const int in, int first, const int inputs, size_t stride,
                           const int units)
{
    float_lanes total[1 + INPUTS][UNITS] = {{{0}}};
    for (size_t row = 0; row < rows; row += LANES)
        for (int u = 0; u < units; u++) {
            float_lanes z = (float_lanes){0} + b[u];
            for (size_t k = 0; k < (size_t)in; k++)
                z += lanes_load(x, k * rows + row, PRECISION_FP32) * w[k * stride + (size_t)u];
            float_lanes dz = lanes_load(dh, (size_t)u * rows + row, PRECISION_FP32);
            dz = (float_lanes)((int_lanes)dz & (z > 0));
            total[0][u] += dz;
            for (int k = 0; k < inputs; k++)
                total[1 + k][u] += lanes_load(x, (size_t)(first + k) * rows + row, PRECISION_FP32) * dz;
        }
    for (int k = 0; k <= inputs; k++)
        for (int u = 0; u < units; u++)
            sum[k][u] = total[k][u];
}

// Sixteen units at a time, so that lane_sums_add sums their lanes together. Only the call with first == 0
// adds to db.
INLINE void backward_transposed(float *restrict dw, float *restrict db, const float *restrict dh,
                                const float *restrict x, const float *restrict w, const float *restrict b,
                                size_t rows, const int in, int first, const int inputs, int width,
                                size_t stride)
{
    for (int j = 0; j < width; j += LANES) {
        float_lanes sum[1 + INPUTS][LANES] = {{{0}}};
        int end = width - j < LANES ? width : j + LANES;
        for (int u = j; u < end; u += UNITS) {
            float_lanes(*of_block)[LANES] = (float_lanes(*)[LANES]) & sum[0][u - j];
            const float *from = dh + (size_t)u * rows;
            if (u + UNITS <= end)
                units_backward(of_block, from, x, w + u, b + u, rows, in, first, inputs, stride, UNITS);
            else
                units_backward(of_block, from, x, w + u, b + u, rows, in, first, inputs, stride, 1);
        }
        if (first == 0)
            lane_sums_add(db + j, sum[0]);
        for (int k = 0; k < inputs; k++)
            lane_sums_add(dw + (size_t)(first + k) * stride + (size_t)j, sum[1 + k]);
    }
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

CLONES
static void forward_fp32(float *h, const float *x, const float *w, const float *b, int rows, int in,
                         int stride)
{
    switch (in) {
        EACH(FORWARD, PRECISION_FP32)
    default:
        forward_wide(h, x, w, b, rows, in, (size_t)stride, 0, PRECISION_FP32);
    }
}

CLONES
static void forward_bf16(uint16_t *h, const float *x, const float *w, const float *b, int rows, int in,
                         int stride)
{
    switch (in) {
        EACH(FORWARD, PRECISION_BF16)
    default:
        forward_wide(h, x, w, b, rows, in, (size_t)stride, 0, PRECISION_BF16);
    }
}

#define FORWARD_NATIVE(IN, PRECISION)                                                                        \
    case IN:                                                                                                 \
        forward_native(h, x, w, b, rows, IN, (size_t)stride);                                                \
        break;

BF16_TARGET
static void forward_bf16_native(uint16_t *h, const float *x, const float *w, const float *b, int rows, int in,
                                int stride)
{
    switch (in) {
        EACH(FORWARD_NATIVE, PRECISION_BF16)
    default:
        forward_wide(h, x, w, b, rows, in, (size_t)stride, 0, PRECISION_BF16);
    }
}

CLONES
static void backward_fp32(float *dw, float *db, const float *dh, const float *h, const float *x, int rows,
                          int in, int inputs, int stride)
{
    switch (inputs) {
        EACH(BACKWARD, PRECISION_FP32)
    }
}

CLONES
static void backward_bf16(float *dw, float *db, const uint16_t *dh, const uint16_t *h, const float *x,
                          int rows, int in, int inputs, int stride)
{
    switch (inputs) {
        EACH(BACKWARD, PRECISION_BF16)
    }
}

#define BACKWARD_TRANSPOSED(IN, PRECISION)                                                                   \
    case IN:                                                                                                 \
        backward_transposed(dw, db, dh, x, w, b, (size_t)rows, IN, 0, IN, width, (size_t)stride);            \
        break;

CLONES
static void backward_transposed_fp32(float *dw, float *db, const float *dh, const float *x, const float *w,
                                     const float *b, int rows, int in, int width, int stride)
{
    switch (in) {
        EACH(BACKWARD_TRANSPOSED, PRECISION_FP32)
    default:
        for (int k = 0; k < in; k += k + INPUTS <= in ? INPUTS : 1)
            if (k + INPUTS <= in)
                backward_transposed(dw, db, dh, x, w, b, (size_t)rows, in, k, INPUTS, width, (size_t)stride);
            else
                backward_transposed(dw, db, dh, x, w, b, (size_t)rows, in, k, 1, width, (size_t)stride);
    }
}

void small_k_relu_forward(void *h, const float *x, const float *w, const float *b, int rows, int in,
                          int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward_fp32(h, x, w, b, rows, in, stride);
    else if (lanes_has_bf16())
        forward_bf16_native(h, x, w, b, rows, in, stride);
    else
        forward_bf16(h, x, w, b, rows, in, stride);
}

void small_k_relu_backward(float *dw, float *db, const void *dh, const void *h, const float *x, int rows,
                           int in, int stride, enum precision precision)
{
    for (int k = 0; k < in; k += INPUTS) {
        int inputs = in - k < INPUTS ? in - k : INPUTS;
        float *sums = dw + (size_t)k * (size_t)stride, *bias = k == 0 ? db : NULL;
        if (precision == PRECISION_FP32)
            backward_fp32(sums, bias, dh, h, x + k, rows, in, inputs, stride);
        else
            backward_bf16(sums, bias, dh, h, x + k, rows, in, inputs, stride);
    }
}

void small_k_relu_backward_transposed(float *dw, float *db, const float *dh, const float *x, const float *w,
                                      const float *b, int rows, int in, int width, int stride)
{
    backward_transposed_fp32(dw, db, dh, x, w, b, rows, in, width, stride);
}
