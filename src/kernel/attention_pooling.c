#include "kernel/attention_pooling.h"

#include "kernel/simd_math.h"
#include "kernel/simd_rows.h"
#include "kernel/sums.h"
#include "spec/buffer_sizes.h"

#include <math.h>

// Pairs, queries and vectors of columns per block whose sums stay in registers; pairs whose rows fit into the
// L1 cache.
enum {
    PAIRS = 4,
    QUERIES = 4,
    COLUMNS = 4,
    SPREAD_PAIRS = 2,
    ROWS = 16,
    PARTS = SIMD_SUMS / SIMD_FLOATS,
};

// Buffers of one set in the caller's scratch.
struct scratch {
    float *mean;   // [queries]: sum of weight * dweight = pooled . dpooled (Dao, FlashAttention-2, 2023,
                   // algorithm 2)
    float *dscore; // [queries, w]
    float *wide;   // [pairs, stride]
};

static struct scratch scratch_in(float *buffer, int pairs, int queries)
{
    struct scratch s = {.mean = buffer};
    s.dscore = s.mean + lanes_stride(queries);
    s.wide = s.dscore + (size_t)queries * (size_t)lanes_stride(pairs);
    return s;
}

// product[q, p] = v[q] . h[p] for the block from `pair` and `query` on. Entries after the last pair repeat
// its product and are not used.
SIMD_INLINE void block_products(float *restrict product, const float *restrict h, const float *restrict v,
                                int pair, int pairs, int query, int queries, size_t stride)
{
    size_t w = (size_t)lanes_stride(pairs);
    simd_float sum[PAIRS * QUERIES][PARTS] = {{{0}}};
    const float *row[PAIRS], *vector[QUERIES];
    float sums[PAIRS * QUERIES];
    for (int p = 0; p < PAIRS; p++)
        row[p] = h + (size_t)(pair + p < pairs ? pair + p : pairs - 1) * stride;
    for (int q = 0; q < QUERIES; q++)
        vector[q] = v + (size_t)(query + q < queries ? query + q : queries - 1) * stride;
    for (size_t j = 0; j < stride; j += SIMD_SUMS)
        for (int l = 0; l < PARTS; l++)
            for (int p = 0; p < PAIRS; p++) {
                simd_float values = simd_load(row[p] + j + l * SIMD_FLOATS);
                for (int q = 0; q < QUERIES; q++)
                    sum[q * PAIRS + p][l] =
                        simd_fma(values, simd_load(vector[q] + j + l * SIMD_FLOATS), sum[q * PAIRS + p][l]);
            }
    simd_sum_rows(sums, sum);
    for (int q = 0; q < QUERIES && query + q < queries; q++)
        memcpy(product + (size_t)(query + q) * w + pair, sums + q * PAIRS, PAIRS * sizeof(float));
}

SIMD_INLINE void products(float *product, const float *h, const float *v, int pair, int pairs, int queries,
                          size_t stride)
{
    for (int q = 0; q < queries; q += QUERIES)
        block_products(product, h, v, pair, pairs, q, queries, stride);
}

// sum[q] += sum over `pairs` pairs of weight[q, p] h[p], for a block of queries and columns. w: stride of
// weight.
SIMD_INLINE void block_sums(float *restrict sum, const float *restrict weight, const float *restrict h,
                            int pairs, size_t w, size_t stride, size_t column, const int queries,
                            const int columns)
{
    simd_float total[QUERIES][COLUMNS];
    for (int q = 0; q < queries; q++)
        for (int l = 0; l < columns; l++)
            total[q][l] = simd_load(sum + (size_t)q * stride + column + (size_t)l * SIMD_FLOATS);
    for (size_t p = 0; p < (size_t)pairs; p++)
        for (int l = 0; l < columns; l++) {
            simd_float row = simd_load(h + p * stride + column + (size_t)l * SIMD_FLOATS);
            for (int q = 0; q < queries; q++)
                total[q][l] = simd_fma(simd_broadcast(weight[(size_t)q * w + p]), row, total[q][l]);
        }
    for (int q = 0; q < queries; q++)
        for (int l = 0; l < columns; l++)
            simd_store(sum + (size_t)q * stride + column + (size_t)l * SIMD_FLOATS, total[q][l]);
}

SIMD_INLINE void query_sums(float *sum, const float *weight, const float *h, int pairs, size_t w,
                            size_t stride, const int queries)
{
    size_t j = 0;
    for (; j + COLUMNS * SIMD_FLOATS <= stride; j += COLUMNS * SIMD_FLOATS)
        block_sums(sum, weight, h, pairs, w, stride, j, queries, COLUMNS);
    for (; j < stride; j += SIMD_FLOATS)
        block_sums(sum, weight, h, pairs, w, stride, j, queries, 1);
}

// block_sums for all queries and columns over the pairs from `pair` on, at most ROWS of them.
SIMD_INLINE void add_sums(float *sum, const float *weight, const float *h, int pair, int pairs, int queries,
                          size_t stride)
{
    size_t w = (size_t)lanes_stride(pairs);
    int q = 0, count = pairs - pair < ROWS ? pairs - pair : ROWS;
    weight += pair;
    h += (size_t)pair * stride;
    for (; q + QUERIES <= queries; q += QUERIES)
        query_sums(sum + (size_t)q * stride, weight + (size_t)q * w, h, count, w, stride, QUERIES);
    for (; q < queries; q++)
        query_sums(sum + (size_t)q * stride, weight + (size_t)q * w, h, count, w, stride, 1);
}

// Replaces a query's scores by their softmax. Subtracts the maximum first, so that exp does not overflow. The
// padding becomes 0.
SIMD_INLINE void softmax(float *score, int pairs)
{
    size_t w = (size_t)lanes_stride(pairs);
    float max = score[0], total[SIMD_SUMS] = {0};
    for (int p = 1; p < pairs; p++)
        max = score[p] > max ? score[p] : max;
    for (size_t p = (size_t)pairs; p < w; p++)
        score[p] = -INFINITY;
    for (size_t p = 0; p < w; p += SIMD_FLOATS) {
        simd_float value = simd_exp(simd_load(score + p) - max);
        float *part = total + p % SIMD_SUMS;
        simd_store(part, simd_load(part) + value);
        simd_store(score + p, value);
    }
    for (int parts = SIMD_SUMS / 2; parts > 0; parts /= 2)
        for (int l = 0; l < parts; l++)
            total[l] += total[l + parts];
    for (size_t p = 0; p < w; p += SIMD_FLOATS)
        simd_store(score + p, simd_load(score + p) * (1 / total[0]));
}

// h = relu(h + b) for `count` rows from `pair` on; in bf16 also a widened copy of h in `wide`.
SIMD_INLINE void bias_relu_rows(float *restrict wide, void *restrict h, const float *restrict b, int pair,
                                int count, size_t stride, const enum precision precision)
{
    for (size_t j = 0; j < stride; j += SIMD_FLOATS) {
        simd_float bias = simd_load(b + j);
        for (int p = 0; p < count; p++) {
            size_t at = (size_t)(pair + p) * stride + j;
            simd_float value = simd_relu(simd_load_as(h, at, precision) + bias);
            simd_store_as(h, at, value, precision);
            if (precision == PRECISION_BF16)
                simd_store(wide + at, simd_rounded(value, precision));
        }
    }
}

SIMD_INLINE void forward(const struct attention_pooling *a, float *wide, const enum precision precision)
{
    int pairs = a->pairs, queries = a->queries;
    size_t w = (size_t)lanes_stride(pairs), stride = (size_t)a->stride;
    for (size_t set = 0; set < (size_t)a->sets; set++) {
        void *h = (char *)a->h + set * (size_t)pairs * stride * precision_bytes(precision);
        float *pooled = a->pooled + set * (size_t)queries * stride,
              *weights = a->weights + set * (size_t)queries * w;
        const float *rows = precision == PRECISION_FP32 ? h : wide;
        for (int p = 0; p < pairs; p += PAIRS) {
            if (p + PAIRS <= pairs)
                bias_relu_rows(wide, h, a->bias, p, PAIRS, stride, precision);
            else
                bias_relu_rows(wide, h, a->bias, p, pairs - p, stride, precision);
            products(weights, rows, a->query, p, pairs, queries, stride);
        }
        for (size_t q = 0; q < (size_t)queries; q++)
            softmax(weights + q * w, pairs);
        memset(pooled, 0, (size_t)queries * stride * sizeof *pooled);
        for (int p = 0; p < pairs; p += ROWS)
            add_sums(pooled, weights, rows, p, pairs, queries, stride);
    }
}

// ---- backward pass ----

// dscore = weight (dweight - mean) of a query for the pairs from `pair` on, at most ROWS of them.
SIMD_INLINE void softmax_backward(float *dscore, const float *weight, float mean, int pair, int pairs)
{
    for (size_t p = (size_t)pair; p < (size_t)pairs && p < (size_t)pair + ROWS; p += SIMD_FLOATS)
        simd_store(dscore + p, simd_load(weight + p) * (simd_load(dscore + p) - mean));
}

SIMD_INLINE const float *widened_rows(float *restrict wide, const void *h, int rows, size_t stride,
                                      const enum precision precision)
{
    if (precision == PRECISION_FP32)
        return h;
    for (size_t at = 0; at < (size_t)rows * stride; at += SIMD_FLOATS)
        simd_store(wide + at, simd_load_as(h, at, precision));
    return wide;
}

// dz[p] = sum over the queries of weight[q, p] dpooled[q] + dscore[q, p] v[q] where h is positive, else 0.
SIMD_INLINE void block_spread(const struct attention_pooling *a, simd_float *restrict dbias,
                              const float *restrict dscore, const float *restrict h, size_t first,
                              size_t column, const int pairs, const int columns,
                              const enum precision precision)
{
    size_t w = (size_t)lanes_stride(a->pairs), stride = (size_t)a->stride;
    const float *restrict weights = a->weights, *restrict dpooled = a->dpooled, *restrict query = a->query;
    void *restrict dz = a->dz;
    simd_float sum[SPREAD_PAIRS][COLUMNS] = {{{0}}};
    for (size_t q = 0; q < (size_t)a->queries; q++)
        for (int l = 0; l < columns; l++) {
            simd_float at_sum = simd_load(dpooled + q * stride + column + (size_t)l * SIMD_FLOATS);
            simd_float at_score = simd_load(query + q * stride + column + (size_t)l * SIMD_FLOATS);
            for (size_t p = 0; p < (size_t)pairs; p++) {
                sum[p][l] = simd_fma(simd_broadcast(weights[q * w + first + p]), at_sum, sum[p][l]);
                sum[p][l] = simd_fma(simd_broadcast(dscore[q * w + first + p]), at_score, sum[p][l]);
            }
        }
    for (size_t p = 0; p < (size_t)pairs; p++)
        for (int l = 0; l < columns; l++) {
            size_t at = (first + p) * stride + column + (size_t)l * SIMD_FLOATS;
            simd_float gradient = (simd_float)((simd_int)sum[p][l] & (simd_load(h + at) > 0));
            dbias[l] += gradient;
            simd_store_as(dz, at, gradient, precision);
        }
}

// block_spread for a block of columns of the pairs from `pair` to `end`.
SIMD_INLINE void spread_columns(const struct attention_pooling *a, const float *dscore, const float *h,
                                int pair, int end, size_t column, const int columns,
                                const enum precision precision)
{
    simd_float sum[COLUMNS];
    for (int l = 0; l < columns; l++)
        sum[l] = simd_load(a->dbias + column + (size_t)l * SIMD_FLOATS);
    for (; pair + SPREAD_PAIRS <= end; pair += SPREAD_PAIRS)
        block_spread(a, sum, dscore, h, (size_t)pair, column, SPREAD_PAIRS, columns, precision);
    for (; pair < end; pair++)
        block_spread(a, sum, dscore, h, (size_t)pair, column, 1, columns, precision);
    for (int l = 0; l < columns; l++)
        simd_store(a->dbias + column + (size_t)l * SIMD_FLOATS, sum[l]);
}

// Starts to read `count` floats from memory.
SIMD_INLINE void prefetch(const float *from, size_t count)
{
    for (size_t i = 0; i < count; i += 64 / sizeof *from)
        __builtin_prefetch(from + i, 0, 2);
}

// Backward pass of one set, in blocks of pairs whose rows of h stay in the L1 cache. The next block is read
// from memory meanwhile.
SIMD_INLINE void set_backward(const struct attention_pooling *a, const float *h, const struct scratch *s,
                              const enum precision precision)
{
    int pairs = a->pairs, queries = a->queries;
    size_t w = (size_t)lanes_stride(pairs), stride = (size_t)a->stride, j;
    for (size_t q = 0; q < (size_t)queries; q++)
        s->mean[q] = sums_dot(a->pooled + q * stride, a->dpooled + q * stride, stride);
    for (int first = 0; first < pairs; first += ROWS) {
        int end = pairs - first < ROWS ? pairs : first + ROWS;
        for (int p = first; p < end; p += PAIRS) {
            if (precision == PRECISION_FP32)
                prefetch(h + (size_t)(p + ROWS) * stride, PAIRS * stride);
            products(s->dscore, h, a->dpooled, p, pairs, queries, stride);
        }
        for (size_t q = 0; q < (size_t)queries; q++)
            softmax_backward(s->dscore + q * w, a->weights + q * w, s->mean[q], first, pairs);
        add_sums(a->dquery, s->dscore, h, first, pairs, queries, stride);
        for (j = 0; j + COLUMNS * SIMD_FLOATS <= stride; j += COLUMNS * SIMD_FLOATS)
            spread_columns(a, s->dscore, h, first, end, j, COLUMNS, precision);
        for (; j < stride; j += SIMD_FLOATS)
            spread_columns(a, s->dscore, h, first, end, j, 1, precision);
    }
}

SIMD_INLINE void backward(struct attention_pooling set, const struct scratch *s,
                          const enum precision precision)
{
    size_t stride = (size_t)set.stride, queries = (size_t)set.queries,
           set_bytes = (size_t)set.pairs * stride * precision_bytes(precision);
    for (int i = 0; i < set.sets; i++) {
        set_backward(&set, widened_rows(s->wide, set.h, set.pairs, stride, precision), s, precision);
        set.dpooled += queries * stride;
        set.pooled += queries * stride;
        set.weights += queries * (size_t)lanes_stride(set.pairs);
        set.h = (char *)set.h + set_bytes;
        set.dz = (char *)set.dz + set_bytes;
    }
}

void SIMD_NAME(attention_pooling_forward)(const struct attention_pooling *a)
{
    struct scratch s = scratch_in(a->scratch, a->pairs, a->queries);
    if (a->precision == PRECISION_FP32)
        forward(a, NULL, PRECISION_FP32);
    else
        forward(a, s.wide, PRECISION_BF16);
}

void SIMD_NAME(attention_pooling_backward)(const struct attention_pooling *a)
{
    struct scratch s = scratch_in(a->scratch, a->pairs, a->queries);
    if (a->precision == PRECISION_FP32)
        backward(*a, &s, PRECISION_FP32);
    else
        backward(*a, &s, PRECISION_BF16);
}
