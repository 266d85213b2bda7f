#include "kernel/max_pooling.h"

#include "kernel/lanes.h"
#include "kernel/operand.h"

#include <string.h>

enum { BLOCK = 4 }; // vectors of a row at a time

INLINE void set_forward(float *restrict pooled, int32_t *restrict argmax, const void *restrict z, int pairs,
                        size_t stride, size_t column, const int block, const enum precision precision)
{
    float_lanes best[BLOCK];
    int_lanes first[BLOCK] = {{0}}, nan[BLOCK]; // NaN is the maximum
    for (int l = 0; l < block; l++) {
        best[l] = lanes_load(z, column + (size_t)l * LANES, precision);
        nan[l] = best[l] != best[l];
    }
    for (int p = 1; p < pairs; p++)
        for (int l = 0; l < block; l++) {
            float_lanes value = lanes_load(z, (size_t)p * stride + column + (size_t)l * LANES, precision);
            int_lanes stays = value <= best[l]; // two statements: as one, GCC 12 compares element by element
            nan[l] |= value != value;
            best[l] = (float_lanes)(((int_lanes)value & ~stays) | ((int_lanes)best[l] & stays));
            first[l] = (~stays & p) | (first[l] & stays);
        }
    for (int l = 0; l < block; l++) {
        size_t at = column + (size_t)l * LANES;
        int_lanes value =
            ((int_lanes)best[l] & ~nan[l]) | (nan[l] & 0x7fc00000); // a NaN that rounding to bf16 keeps
        lanes_store(pooled, at, (float_lanes)value, PRECISION_FP32);
        *(int_lanes *)(argmax + at) = first[l];
    }
}

INLINE void forward(float *pooled, int32_t *argmax, const void *z, int sets, int pairs, size_t stride,
                    const enum precision precision)
{
    for (int set = 0; set < sets; set++) {
        size_t j = 0;
        for (; j + BLOCK * LANES <= stride; j += BLOCK * LANES)
            set_forward(pooled, argmax, z, pairs, stride, j, BLOCK, precision);
        for (; j < stride; j += LANES)
            set_forward(pooled, argmax, z, pairs, stride, j, 1, precision);
        pooled += stride;
        argmax += stride;
        z = (const char *)z + (size_t)pairs * stride * precision_bytes(precision);
    }
}

CLONES
static void forward_fp32(float *pooled, int32_t *argmax, const float *z, int sets, int pairs, int stride)
{
    forward(pooled, argmax, z, sets, pairs, (size_t)stride, PRECISION_FP32);
}

CLONES
static void forward_bf16(float *pooled, int32_t *argmax, const uint16_t *z, int sets, int pairs, int stride)
{
    forward(pooled, argmax, z, sets, pairs, (size_t)stride, PRECISION_BF16);
}

void max_pooling_forward(float *pooled, int32_t *argmax, const void *z, int sets, int pairs, int stride,
                         enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward_fp32(pooled, argmax, z, sets, pairs, stride);
    else
        forward_bf16(pooled, argmax, z, sets, pairs, stride);
}

// Counting sort of each set's columns by their argmax.
void max_pooling_list_argmax(struct max_pooling_argmax *list, const int32_t *argmax, int sets, int pairs,
                             int width, int stride, int32_t *count)
{
    int rows = 0, columns = 0;
    for (int set = 0; set < sets; set++, argmax += stride) {
        memset(count, 0, (size_t)(pairs + 1) * sizeof *count);
        for (int j = 0; j < width; j++)
            count[argmax[j]]++;
        for (int p = 0; p < pairs; p++) {
            int columns_of_pair = count[p];
            count[p] = columns;
            if (columns_of_pair == 0)
                continue;
            list->row[rows] = set * pairs + p;
            list->first[rows++] = columns;
            columns += columns_of_pair;
        }
        for (int j = 0; j < width; j++)
            list->column[count[argmax[j]]++] = j;
    }
    list->first[rows] = columns;
    list->rows = rows;
}

// `block` vectors of one row.
INLINE void row_backward(void *restrict dz, float *restrict dw, float *restrict db,
                         const int32_t *restrict columns, int count, const float *restrict de,
                         const void *restrict w, const void *restrict h, size_t stride, size_t at,
                         const int block, const enum precision precision)
{
    float_lanes input[BLOCK], sum[BLOCK] = {{0}};
    for (int l = 0; l < block; l++)
        input[l] = lanes_load(h, at + (size_t)l * LANES, precision);
    for (int c = 0; c < count; c++) {
        float gradient = de[columns[c]];
        if (precision == PRECISION_BF16)
            gradient = operand_widen_one(operand_round_one(gradient));
        size_t row = (size_t)columns[c] * stride + at;
        for (int l = 0; l < block; l++) {
            size_t k = row + (size_t)l * LANES;
            sum[l] += gradient * lanes_load(w, k, precision);
            *(float_lanes *)(dw + k) += gradient * input[l];
        }
    }
    for (int l = 0; l < block; l++) {
        size_t k = at + (size_t)l * LANES;
        float_lanes gradient = (float_lanes)((int_lanes)sum[l] & (input[l] > 0));
        lanes_store(dz, k, gradient, precision);
        *(float_lanes *)(db + k) += gradient;
    }
}

INLINE void backward(void *dz, float *dw, float *db, const struct max_pooling_argmax *list, const float *de,
                     int pairs, int width, const void *w, const void *h, size_t stride,
                     const enum precision precision)
{
    size_t row_bytes = stride * precision_bytes(precision);
    for (int r = 0; r < list->rows; r++) {
        const int32_t *columns = list->column + list->first[r];
        int count = list->first[r + 1] - list->first[r];
        const float *gradient = de + (size_t)(list->row[r] / pairs) * (size_t)width;
        const void *input = (const char *)h + (size_t)list->row[r] * row_bytes;
        size_t j = 0;
        for (; j + BLOCK * LANES <= stride; j += BLOCK * LANES)
            row_backward(dz, dw, db, columns, count, gradient, w, input, stride, j, BLOCK, precision);
        for (; j < stride; j += LANES)
            row_backward(dz, dw, db, columns, count, gradient, w, input, stride, j, 1, precision);
        dz = (char *)dz + row_bytes;
    }
}

CLONES
static void backward_fp32(float *dz, float *dw, float *db, const struct max_pooling_argmax *list,
                          const float *de, int pairs, int width, const float *w, const float *h, int stride)
{
    backward(dz, dw, db, list, de, pairs, width, w, h, (size_t)stride, PRECISION_FP32);
}

CLONES
static void backward_bf16(uint16_t *dz, float *dw, float *db, const struct max_pooling_argmax *list,
                          const float *de, int pairs, int width, const uint16_t *w, const uint16_t *h,
                          int stride)
{
    backward(dz, dw, db, list, de, pairs, width, w, h, (size_t)stride, PRECISION_BF16);
}

void max_pooling_backward(void *dz, float *dw, float *db, const struct max_pooling_argmax *list,
                          const float *de, int pairs, int width, const void *w, const void *h, int stride,
                          enum precision precision)
{
    if (precision == PRECISION_FP32)
        backward_fp32(dz, dw, db, list, de, pairs, width, w, h, stride);
    else
        backward_bf16(dz, dw, db, list, de, pairs, width, w, h, stride);
}
