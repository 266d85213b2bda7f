#include "kernel/pooling_attention.h"

#include "kernel/lanes.h"

#include <stdbool.h>
#include <string.h>

// Blocks of pairs, queries and vectors of columns that keep their sums in registers.
enum { PAIRS = 4, QUERIES = 4, COLUMNS = 4, SPREAD_PAIRS = 2 };

// product[p, q] = h[p] . v[q] for a block of pairs and queries.
INLINE void block_products(float *restrict product, const float *restrict h, const float *restrict v,
                           int first, int queries, size_t stride, const int pairs)
{
    float_lanes sum[LANES] = {{0}};
    const float *query[QUERIES];
    for (int q = 0; q < QUERIES; q++) // behind the last query its product again: nobody looks there
        query[q] = v + (size_t)(first + q < queries ? first + q : queries - 1) * stride;
    for (size_t j = 0; j < stride; j += LANES)
        for (int p = 0; p < pairs; p++) {
            float_lanes row = lanes_load(h, (size_t)p * stride + j, PRECISION_FP32);
            for (int q = 0; q < QUERIES; q++)
                sum[p * QUERIES + q] += row * lanes_load(query[q], j, PRECISION_FP32);
        }
    float_lanes sums = lane_sums(sum);
    for (int p = 0; p < pairs; p++)
        memcpy(product + p * lanes_stride(queries) + first, (const float *)&sums + p * QUERIES,
               QUERIES * sizeof(float));
}

INLINE void products(float *product, const float *h, const float *v, int pairs, int queries, size_t stride)
{
    int p = 0;
    for (; p + PAIRS <= pairs; p += PAIRS)
        for (int q = 0; q < queries; q += QUERIES)
            block_products(product + p * lanes_stride(queries), h + (size_t)p * stride, v, q, queries, stride,
                           PAIRS);
    for (; p < pairs; p++)
        for (int q = 0; q < queries; q += QUERIES)
            block_products(product + p * lanes_stride(queries), h + (size_t)p * stride, v, q, queries, stride,
                           1);
}

// sum[q] += the sum over the pairs of weight[p, q] h[p], for a block of queries and columns.
INLINE void block_sums(float *restrict sum, const float *restrict weight, const float *restrict h, int pairs,
                       int padded, size_t stride, size_t column, const int queries, const int columns)
{
    float_lanes total[QUERIES][COLUMNS];
    for (int q = 0; q < queries; q++)
        for (int l = 0; l < columns; l++)
            total[q][l] = lanes_load(sum, (size_t)q * stride + column + (size_t)l * LANES, PRECISION_FP32);
    for (int p = 0; p < pairs; p++)
        for (int l = 0; l < columns; l++) {
            float_lanes row = lanes_load(h, (size_t)p * stride + column + (size_t)l * LANES, PRECISION_FP32);
            for (int q = 0; q < queries; q++)
                total[q][l] += weight[p * padded + q] * row;
        }
    for (int q = 0; q < queries; q++)
        for (int l = 0; l < columns; l++)
            lanes_store(sum, (size_t)q * stride + column + (size_t)l * LANES, total[q][l], PRECISION_FP32);
}

INLINE void add_sums(float *sum, const float *weight, const float *h, int pairs, int queries, size_t stride)
{
    int padded = lanes_stride(queries);
    size_t j = 0;
    for (; j < stride; j += j + COLUMNS * LANES <= stride ? COLUMNS * LANES : LANES) {
        bool wide = j + COLUMNS * LANES <= stride;
        int q = 0;
        for (; q + QUERIES <= queries; q += QUERIES)
            if (wide)
                block_sums(sum + (size_t)q * stride, weight + q, h, pairs, padded, stride, j, QUERIES,
                           COLUMNS);
            else
                block_sums(sum + (size_t)q * stride, weight + q, h, pairs, padded, stride, j, QUERIES, 1);
        for (; q < queries; q++)
            if (wide)
                block_sums(sum + (size_t)q * stride, weight + q, h, pairs, padded, stride, j, 1, COLUMNS);
            else
                block_sums(sum + (size_t)q * stride, weight + q, h, pairs, padded, stride, j, 1, 1);
    }
}

// Over the pairs, for each query alone; the largest is taken away first, so that nothing overflows.
INLINE void softmax(float *weight, int pairs, int queries)
{
    size_t padded = (size_t)lanes_stride(queries);
    for (size_t q = 0; q < padded; q += LANES) {
        float_lanes most = lanes_load(weight, q, PRECISION_FP32), sum = {0};
        for (size_t p = 1; p < (size_t)pairs; p++) {
            float_lanes score = lanes_load(weight, p * padded + q, PRECISION_FP32);
            int_lanes more = score > most;
            most = (float_lanes)(((int_lanes)score & more) | ((int_lanes)most & ~more));
        }
        for (size_t p = 0; p < (size_t)pairs; p++) {
            float_lanes value = lanes_exp(lanes_load(weight, p * padded + q, PRECISION_FP32) - most);
            sum += value;
            lanes_store(weight, p * padded + q, value, PRECISION_FP32);
        }
        float_lanes each = 1 / sum;
        for (size_t p = 0; p < (size_t)pairs; p++)
            *(float_lanes *)(weight + p * padded + q) *= each;
    }
}

// The gradient at the weights becomes that at the scores: dscore = weight (dweight - sum of weight dweight).
INLINE void softmax_backward(float *gradient, const float *weight, int pairs, int queries)
{
    size_t padded = (size_t)lanes_stride(queries);
    for (size_t q = 0; q < padded; q += LANES) {
        float_lanes sum = {0};
        for (size_t p = 0; p < (size_t)pairs; p++)
            sum += lanes_load(weight, p * padded + q, PRECISION_FP32) *
                   lanes_load(gradient, p * padded + q, PRECISION_FP32);
        for (size_t p = 0; p < (size_t)pairs; p++) {
            float_lanes *at = (float_lanes *)(gradient + p * padded + q);
            *at = lanes_load(weight, p * padded + q, PRECISION_FP32) * (*at - sum);
        }
    }
}

// The rows of a set as fp32: themselves, or widened once into `wide` for all that read them. [pairs, stride]
INLINE const float *bias_relu_rows(float *restrict wide, void *restrict h, const float *restrict b, int rows,
                                   size_t stride, const enum precision precision)
{
    for (size_t row = 0; row < (size_t)rows; row++)
        for (size_t j = 0; j < stride; j += LANES) {
            size_t at = row * stride + j;
            float_lanes value = lanes_relu(lanes_load(h, at, precision) + lanes_load(b, j, PRECISION_FP32));
            lanes_store(h, at, value, precision);
            if (precision == PRECISION_BF16)
                lanes_store(wide, at, lanes_rounded(value, precision), PRECISION_FP32);
        }
    return precision == PRECISION_FP32 ? h : wide;
}

INLINE const float *widened_rows(float *restrict wide, const void *h, int rows, size_t stride,
                                 const enum precision precision)
{
    if (precision == PRECISION_FP32)
        return h;
    for (size_t at = 0; at < (size_t)rows * stride; at += LANES)
        lanes_store(wide, at, lanes_load(h, at, precision), PRECISION_FP32);
    return wide;
}

INLINE void forward(float *pooled, float *weights, void *h, const float *b, const float *v, int sets,
                    int pairs, int queries, size_t stride, float *wide, const enum precision precision)
{
    for (int set = 0; set < sets; set++) {
        const float *rows = bias_relu_rows(wide, h, b, pairs, stride, precision);
        products(weights, rows, v, pairs, queries, stride);
        softmax(weights, pairs, queries);
        memset(pooled, 0, (size_t)queries * stride * sizeof *pooled);
        add_sums(pooled, weights, rows, pairs, queries, stride);
        pooled += (size_t)queries * stride;
        weights += (size_t)pairs * (size_t)lanes_stride(queries);
        h = (char *)h + (size_t)pairs * stride * precision_bytes(precision);
    }
}

// dz[p] = the sum over the queries of weight[p, q] dpooled[q] + dscore[p, q] v[q], where h is positive.
INLINE void block_spread(void *restrict dz, float_lanes *restrict db, const float *restrict weight,
                         const float *restrict dpooled, const float *restrict dscore, const float *restrict v,
                         const float *restrict h, int queries, size_t stride, size_t first, size_t column,
                         const int pairs, const int columns, const enum precision precision)
{
    size_t padded = (size_t)lanes_stride(queries);
    float_lanes sum[SPREAD_PAIRS][COLUMNS] = {{{0}}};
    for (size_t q = 0; q < (size_t)queries; q++)
        for (int l = 0; l < columns; l++) {
            float_lanes at_sum = lanes_load(dpooled, q * stride + column + (size_t)l * LANES, PRECISION_FP32);
            float_lanes at_score = lanes_load(v, q * stride + column + (size_t)l * LANES, PRECISION_FP32);
            for (size_t p = 0; p < (size_t)pairs; p++) {
                sum[p][l] += weight[(first + p) * padded + q] * at_sum;
                sum[p][l] += dscore[(first + p) * padded + q] * at_score;
            }
        }
    for (size_t p = 0; p < (size_t)pairs; p++)
        for (int l = 0; l < columns; l++) {
            size_t at = (first + p) * stride + column + (size_t)l * LANES;
            float_lanes gradient =
                (float_lanes)((int_lanes)sum[p][l] & (lanes_load(h, at, PRECISION_FP32) > 0));
            db[l] += gradient;
            lanes_store(dz, at, gradient, precision);
        }
}

INLINE void spread_columns(void *dz, float *db, const float *weight, const float *dpooled,
                           const float *dscore, const float *v, const float *h, int pairs, int queries,
                           size_t stride, size_t column, const int columns, const enum precision precision)
{
    float_lanes sum[COLUMNS];
    for (int l = 0; l < columns; l++)
        sum[l] = lanes_load(db, column + (size_t)l * LANES, PRECISION_FP32);
    int p = 0;
    for (; p + SPREAD_PAIRS <= pairs; p += SPREAD_PAIRS)
        block_spread(dz, sum, weight, dpooled, dscore, v, h, queries, stride, (size_t)p, column, SPREAD_PAIRS,
                     columns, precision);
    for (; p < pairs; p++)
        block_spread(dz, sum, weight, dpooled, dscore, v, h, queries, stride, (size_t)p, column, 1, columns,
                     precision);
    for (int l = 0; l < columns; l++)
        lanes_store(db, column + (size_t)l * LANES, sum[l], PRECISION_FP32);
}

INLINE void backward(void *dz, float *db, float *dv, const float *dpooled, const float *weights,
                     const void *h, const float *v, int sets, int pairs, int queries, size_t stride,
                     float *dscore, float *wide, const enum precision precision)
{
    size_t set_bytes = (size_t)pairs * stride * precision_bytes(precision);
    for (int set = 0; set < sets; set++) {
        const float *rows = widened_rows(wide, h, pairs, stride, precision);
        products(dscore, rows, dpooled, pairs, queries, stride);
        softmax_backward(dscore, weights, pairs, queries);
        add_sums(dv, dscore, rows, pairs, queries, stride);
        size_t j = 0;
        for (; j + COLUMNS * LANES <= stride; j += COLUMNS * LANES)
            spread_columns(dz, db, weights, dpooled, dscore, v, rows, pairs, queries, stride, j, COLUMNS,
                           precision);
        for (; j < stride; j += LANES)
            spread_columns(dz, db, weights, dpooled, dscore, v, rows, pairs, queries, stride, j, 1,
                           precision);
        dpooled += (size_t)queries * stride;
        weights += (size_t)pairs * (size_t)lanes_stride(queries);
        h = (const char *)h + set_bytes;
        dz = (char *)dz + set_bytes;
    }
}

CLONES
static void forward_fp32(float *pooled, float *weights, float *h, const float *b, const float *v, int sets,
                         int pairs, int queries, int stride)
{
    forward(pooled, weights, h, b, v, sets, pairs, queries, (size_t)stride, NULL, PRECISION_FP32);
}

CLONES
static void forward_bf16(float *pooled, float *weights, uint16_t *h, const float *b, const float *v, int sets,
                         int pairs, int queries, int stride, float *wide)
{
    forward(pooled, weights, h, b, v, sets, pairs, queries, (size_t)stride, wide, PRECISION_BF16);
}

CLONES
static void backward_fp32(float *dz, float *db, float *dv, const float *dpooled, const float *weights,
                          const float *h, const float *v, int sets, int pairs, int queries, int stride,
                          float *dscore)
{
    backward(dz, db, dv, dpooled, weights, h, v, sets, pairs, queries, (size_t)stride, dscore, NULL,
             PRECISION_FP32);
}

CLONES
static void backward_bf16(uint16_t *dz, float *db, float *dv, const float *dpooled, const float *weights,
                          const uint16_t *h, const float *v, int sets, int pairs, int queries, int stride,
                          float *dscore, float *wide)
{
    backward(dz, db, dv, dpooled, weights, h, v, sets, pairs, queries, (size_t)stride, dscore, wide,
             PRECISION_BF16);
}

void pooling_attention_forward(float *pooled, float *weights, void *h, const float *b, const float *v,
                               int sets, int pairs, int queries, int stride, float *scratch,
                               enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward_fp32(pooled, weights, h, b, v, sets, pairs, queries, stride);
    else
        forward_bf16(pooled, weights, h, b, v, sets, pairs, queries, stride, scratch);
}

void pooling_attention_backward(void *dz, float *db, float *dv, const float *dpooled, const float *weights,
                                const void *h, const float *v, int sets, int pairs, int queries, int stride,
                                float *scratch, enum precision precision)
{
    if (precision == PRECISION_FP32)
        backward_fp32(dz, db, dv, dpooled, weights, h, v, sets, pairs, queries, stride, scratch);
    else
        backward_bf16(dz, db, dv, dpooled, weights, h, v, sets, pairs, queries, stride, scratch,
                      scratch + (size_t)pairs * (size_t)lanes_stride(queries));
}
