#include "kernel/max_pooling.h"

#include "kernel/lanes.h"
#include "kernel/operand.h"

#include <string.h>

enum { BLOCK = 4 }; // so many vectors of a row at a time

INLINE void set_forward(float *restrict pooled, int32_t *restrict winner, const void *restrict z, int pairs,
                        size_t stride, size_t column, const int block, const enum precision precision)
{
    float_lanes best[BLOCK];
    int_lanes first[BLOCK] = {{0}}, nan[BLOCK]; // NaN wins for good
    for (int l = 0; l < block; l++) {
        best[l] = lanes_load(z, column + (size_t)l * LANES, precision);
        nan[l] = best[l] != best[l];
    }
    for (int p = 1; p < pairs; p++)
        for (int l = 0; l < block; l++) {
            float_lanes value = lanes_load(z, (size_t)p * stride + column + (size_t)l * LANES, precision);
            int_lanes stays = value <= best[l]; // joined with the next, GCC 12 compares number by number
            nan[l] |= value != value;
            best[l] = (float_lanes)(((int_lanes)value & ~stays) | ((int_lanes)best[l] & stays));
            first[l] = (~stays & p) | (first[l] & stays);
        }
    for (int l = 0; l < block; l++) {
        size_t at = column + (size_t)l * LANES;
        int_lanes value =
            ((int_lanes)best[l] & ~nan[l]) | (nan[l] & 0x7fc00000); // one that rounding leaves NaN
        lanes_store(pooled, at, (float_lanes)value, PRECISION_FP32);
        *(int_lanes *)(winner + at) = first[l];
    }
}

INLINE void forward(float *pooled, int32_t *winner, const void *z, int sets, int pairs, size_t stride,
                    const enum precision precision)
{
    for (int set = 0; set < sets; set++) {
        size_t j = 0;
        for (; j + BLOCK * LANES <= stride; j += BLOCK * LANES)
            set_forward(pooled, winner, z, pairs, stride, j, BLOCK, precision);
        for (; j < stride; j += LANES)
            set_forward(pooled, winner, z, pairs, stride, j, 1, precision);
        pooled += stride;
        winner += stride;
        z = (const char *)z + (size_t)pairs * stride * precision_bytes(precision);
    }
}

CLONES
static void forward_fp32(float *pooled, int32_t *winner, const float *z, int sets, int pairs, int stride)
{
    forward(pooled, winner, z, sets, pairs, (size_t)stride, PRECISION_FP32);
}

CLONES
static void forward_bf16(float *pooled, int32_t *winner, const uint16_t *z, int sets, int pairs, int stride)
{
    forward(pooled, winner, z, sets, pairs, (size_t)stride, PRECISION_BF16);
}

void max_pooling_forward(float *pooled, int32_t *winner, const void *z, int sets, int pairs, int stride,
                         enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward_fp32(pooled, winner, z, sets, pairs, stride);
    else
        forward_bf16(pooled, winner, z, sets, pairs, stride);
}

// Counting sort of each set's columns by the pair that won them.
void max_pooling_list_argmax(struct max_pooling_argmax *winners, const int32_t *winner, int sets, int pairs,
                             int width, int stride, int32_t *count)
{
    int rows = 0, columns = 0;
    for (int set = 0; set < sets; set++, winner += stride) {
        memset(count, 0, (size_t)(pairs + 1) * sizeof *count);
        for (int j = 0; j < width; j++)
            count[winner[j]]++;
        for (int p = 0; p < pairs; p++) {
            int won = count[p];
            count[p] = columns;
            if (won == 0)
                continue;
            winners->row[rows] = set * pairs + p;
            winners->first[rows++] = columns;
            columns += won;
        }
        for (int j = 0; j < width; j++)
            winners->column[count[winner[j]]++] = j;
    }
    winners->first[rows] = columns;
    winners->rows = rows;
}

// One row and so many vectors of it.
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

INLINE void backward(void *dz, float *dw, float *db, const struct max_pooling_argmax *winners,
                     const float *de, int pairs, int width, const void *w, const void *h, size_t stride,
                     const enum precision precision)
{
    size_t row_bytes = stride * precision_bytes(precision);
    for (int r = 0; r < winners->rows; r++) {
        const int32_t *columns = winners->column + winners->first[r];
        int count = winners->first[r + 1] - winners->first[r];
        const float *gradient = de + (size_t)(winners->row[r] / pairs) * (size_t)width;
        const void *input = (const char *)h + (size_t)winners->row[r] * row_bytes;
        size_t j = 0;
        for (; j + BLOCK * LANES <= stride; j += BLOCK * LANES)
            row_backward(dz, dw, db, columns, count, gradient, w, input, stride, j, BLOCK, precision);
        for (; j < stride; j += LANES)
            row_backward(dz, dw, db, columns, count, gradient, w, input, stride, j, 1, precision);
        dz = (char *)dz + row_bytes;
    }
}

CLONES
static void backward_fp32(float *dz, float *dw, float *db, const struct max_pooling_argmax *winners,
                          const float *de, int pairs, int width, const float *w, const float *h, int stride)
{
    backward(dz, dw, db, winners, de, pairs, width, w, h, (size_t)stride, PRECISION_FP32);
}

CLONES
static void backward_bf16(uint16_t *dz, float *dw, float *db, const struct max_pooling_argmax *winners,
                          const float *de, int pairs, int width, const uint16_t *w, const uint16_t *h,
                          int stride)
{
    backward(dz, dw, db, winners, de, pairs, width, w, h, (size_t)stride, PRECISION_BF16);
}

void max_pooling_backward(void *dz, float *dw, float *db, const struct max_pooling_argmax *winners,
                          const float *de, int pairs, int width, const void *w, const void *h, int stride,
                          enum precision precision)
{
    if (precision == PRECISION_FP32)
        backward_fp32(dz, dw, db, winners, de, pairs, width, w, h, stride);
    else
        backward_bf16(dz, dw, db, winners, de, pairs, width, w, h, stride);
}
