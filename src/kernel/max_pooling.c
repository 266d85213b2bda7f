#include "kernel/max_pooling.h"

#include "kernel/operand.h"
#include "kernel/simd_rows.h"

#include <string.h>

SIMD_INLINE void set_forward(float *restrict pooled, int32_t *restrict argmax, const void *restrict z,
                             int pairs, size_t stride, size_t column, const int block,
                             const enum precision precision)
{
    simd_float best[BLOCK];
    simd_int first[BLOCK] = {{0}}, nan[BLOCK]; // NaN is the maximum
    for (int l = 0; l < block; l++) {
        best[l] = simd_load_as(z, column + (size_t)l * SIMD_FLOATS, precision);
        nan[l] = best[l] != best[l];
    }
    for (int p = 1; p < pairs; p++)
        for (int l = 0; l < block; l++) {
            simd_float value =
                simd_load_as(z, (size_t)p * stride + column + (size_t)l * SIMD_FLOATS, precision);
            simd_int stays = value <= best[l]; // two statements, since GCC 12 compiles a single one to a loop
            nan[l] |= value != value;
            best[l] = (simd_float)(((simd_int)value & ~stays) | ((simd_int)best[l] & stays));
            first[l] = (~stays & p) | (first[l] & stays);
        }
    for (int l = 0; l < block; l++) {
        size_t at = column + (size_t)l * SIMD_FLOATS;
        simd_int value =
            ((simd_int)best[l] & ~nan[l]) | (nan[l] & 0x7fc00000); // a NaN that rounding to bf16 keeps
        simd_store_as(pooled, at, (simd_float)value, PRECISION_FP32);
        memcpy(argmax + at, &first[l], sizeof first[l]);
    }
}

SIMD_INLINE void forward(float *pooled, int32_t *argmax, const void *z, int sets, int pairs, size_t stride,
                         const enum precision precision)
{
    for (int set = 0; set < sets; set++) {
        size_t j = 0;
        for (; j + BLOCK * SIMD_FLOATS <= stride; j += BLOCK * SIMD_FLOATS)
            set_forward(pooled, argmax, z, pairs, stride, j, BLOCK, precision);
        for (; j < stride; j += SIMD_FLOATS)
            set_forward(pooled, argmax, z, pairs, stride, j, 1, precision);
        pooled += stride;
        argmax += stride;
        z = (const char *)z + (size_t)pairs * stride * precision_bytes(precision);
    }
}

void SIMD_NAME(max_pooling_forward)(float *pooled, int32_t *argmax, const void *z, int sets, int pairs,
                                    int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward(pooled, argmax, z, sets, pairs, (size_t)stride, PRECISION_FP32);
    else
        forward(pooled, argmax, z, sets, pairs, (size_t)stride, PRECISION_BF16);
}

// Counting sort of each set's columns by their argmax.
void SIMD_NAME(max_pooling_list_argmax)(struct max_pooling_argmax *list, const int32_t *argmax, int sets,
                                        int pairs, int width, int stride, int32_t *count)
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
SIMD_INLINE void row_backward(void *restrict dz, float *restrict dw, float *restrict db,
                              const int32_t *restrict columns, int count, const float *restrict de,
                              const void *restrict w, const void *restrict h, size_t stride, size_t at,
                              const int block, const enum precision precision)
{
    simd_float input[BLOCK], sum[BLOCK] = {{0}};
    for (int l = 0; l < block; l++)
        input[l] = simd_load_as(h, at + (size_t)l * SIMD_FLOATS, precision);
    for (int c = 0; c < count; c++) {
        float gradient = de[columns[c]];
        if (precision == PRECISION_BF16)
            gradient = operand_widen_one(operand_round_one(gradient));
        size_t row = (size_t)columns[c] * stride + at;
        simd_float all = simd_broadcast(gradient);
        for (int l = 0; l < block; l++) {
            size_t k = row + (size_t)l * SIMD_FLOATS;
            sum[l] = simd_fma(all, simd_load_as(w, k, precision), sum[l]);
            simd_store(dw + k, simd_fma(all, input[l], simd_load(dw + k)));
        }
    }
    for (int l = 0; l < block; l++) {
        size_t k = at + (size_t)l * SIMD_FLOATS;
        simd_float gradient = (simd_float)((simd_int)sum[l] & (input[l] > 0));
        simd_store_as(dz, k, gradient, precision);
        simd_store(db + k, simd_load(db + k) + gradient);
    }
}

SIMD_INLINE void backward(void *dz, float *dw, float *db, const struct max_pooling_argmax *list,
                          const float *de, int pairs, int width, const void *w, const void *h, size_t stride,
                          const enum precision precision)
{
    size_t row_bytes = stride * precision_bytes(precision);
    for (int r = 0; r < list->rows; r++) {
        const int32_t *columns = list->column + list->first[r];
        int count = list->first[r + 1] - list->first[r];
        const float *gradient = de + (size_t)(list->row[r] / pairs) * (size_t)width;
        const void *input = (const char *)h + (size_t)list->row[r] * row_bytes;
        size_t j = 0;
        for (; j + BLOCK * SIMD_FLOATS <= stride; j += BLOCK * SIMD_FLOATS)
            row_backward(dz, dw, db, columns, count, gradient, w, input, stride, j, BLOCK, precision);
        for (; j < stride; j += SIMD_FLOATS)
            row_backward(dz, dw, db, columns, count, gradient, w, input, stride, j, 1, precision);
        dz = (char *)dz + row_bytes;
    }
}

void SIMD_NAME(max_pooling_backward)(void *dz, float *dw, float *db, const struct max_pooling_argmax *list,
                                     const float *de, int pairs, int width, const void *w, const void *h,
                                     int stride, enum precision precision)
{
    if (precision == PRECISION_FP32)
        backward(dz, dw, db, list, de, pairs, width, w, h, (size_t)stride, PRECISION_FP32);
    else
        backward(dz, dw, db, list, de, pairs, width, w, h, (size_t)stride, PRECISION_BF16);
}
