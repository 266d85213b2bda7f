#include "kernel/attention_pooling.h"

#include "kernel/sum_pooling.h"

#include <string.h>

// Pairs, queries and vectors of columns per block whose sums stay in registers; pairs whose rows fit into the
// L1 cache.
enum { PAIRS = 4, QUERIES = 4, COLUMNS = 4, SPREAD_PAIRS = 2, WORD = SUM_POOLING_WORD };

// A vector at any element: in a transposed row the pairs of a set start at any column.
typedef float floats_anywhere __attribute__((vector_size(64), aligned(4)));

// product[q, p] = v[q] . h[p] for the block from `pair` and `query` on. Entries after the last pair repeat
// its product and are not used.
INLINE void block_products(float *restrict product, const float *restrict h, const float *restrict v,
                           int pair, int pairs, int query, int queries, size_t stride)
{
    size_t w = (size_t)lanes_stride(pairs);
    float_lanes sum[LANES] = {{0}};
    const float *row[PAIRS], *vector[QUERIES];
    for (int p = 0; p < PAIRS; p++)
        row[p] = h + (size_t)(pair + p < pairs ? pair + p : pairs - 1) * stride;
    for (int q = 0; q < QUERIES; q++)
        vector[q] = v + (size_t)(query + q < queries ? query + q : queries - 1) * stride;
    for (size_t j = 0; j < stride; j += LANES)
        for (int p = 0; p < PAIRS; p++) {
            float_lanes values = lanes_load(row[p], j, PRECISION_FP32);
            for (int q = 0; q < QUERIES; q++)
                sum[q * PAIRS + p] += values * lanes_load(vector[q], j, PRECISION_FP32);
        }
    float_lanes sums = lane_sums(sum);
    for (int q = 0; q < QUERIES && query + q < queries; q++)
        memcpy(product + (size_t)(query + q) * w + pair, (const float *)&sums + q * PAIRS,
               PAIRS * sizeof(float));
}

INLINE void products(float *product, const float *h, const float *v, int pair, int pairs, int queries,
                     size_t stride)
{
    for (int q = 0; q < queries; q += QUERIES)
        block_products(product, h, v, pair, pairs, q, queries, stride);
}

// sum[q] += sum over `pairs` pairs of weight[q, p] h[p], for a block of queries and columns. w: stride of
// weight.
INLINE void block_sums(float *restrict sum, const float *restrict weight, const float *restrict h, int pairs,
                       size_t w, size_t stride, size_t column, const int queries, const int columns)
{
    float_lanes total[QUERIES][COLUMNS];
    for (int q = 0; q < queries; q++)
        for (int l = 0; l < columns; l++)
            total[q][l] = lanes_load(sum, (size_t)q * stride + column + (size_t)l * LANES, PRECISION_FP32);
    for (size_t p = 0; p < (size_t)pairs; p++)
        for (int l = 0; l < columns; l++) {
            float_lanes row = lanes_load(h, p * stride + column + (size_t)l * LANES, PRECISION_FP32);
            for (int q = 0; q < queries; q++)
                total[q][l] += weight[(size_t)q * w + p] * row;
        }
    for (int q = 0; q < queries; q++)
        for (int l = 0; l < columns; l++)
            lanes_store(sum, (size_t)q * stride + column + (size_t)l * LANES, total[q][l], PRECISION_FP32);
}

INLINE void query_sums(float *sum, const float *weight, const float *h, int pairs, size_t w, size_t stride,
                       const int queries)
{
    size_t j = 0;
    for (; j + COLUMNS * LANES <= stride; j += COLUMNS * LANES)
        block_sums(sum, weight, h, pairs, w, stride, j, queries, COLUMNS);
    for (; j < stride; j += LANES)
        block_sums(sum, weight, h, pairs, w, stride, j, queries, 1);
}

// block_sums for all queries and columns over the pairs from `pair` on, at most a word of them.
INLINE void add_sums(float *sum, const float *weight, const float *h, int pair, int pairs, int queries,
                     size_t stride)
{
    size_t w = (size_t)lanes_stride(pairs);
    int q = 0, count = pairs - pair < WORD ? pairs - pair : WORD;
    weight += pair;
    h += (size_t)pair * stride;
    for (; q + QUERIES <= queries; q += QUERIES)
        query_sums(sum + (size_t)q * stride, weight + (size_t)q * w, h, count, w, stride, QUERIES);
    for (; q < queries; q++)
        query_sums(sum + (size_t)q * stride, weight + (size_t)q * w, h, count, w, stride, 1);
}

// Replaces a query's scores by their softmax. Subtracts the maximum first, so that exp does not overflow. The
// padding, set to the first score for the maximum, becomes 0.
INLINE void softmax(float *score, int pairs)
{
    size_t w = (size_t)lanes_stride(pairs);
    for (size_t p = (size_t)pairs; p < w; p++)
        score[p] = score[0];
    float_lanes max = lanes_load(score, 0, PRECISION_FP32), sum = {0};
    for (size_t p = LANES; p < w; p += LANES)
        max = lanes_larger(lanes_load(score, p, PRECISION_FP32), max);
    max = lanes_largest(max);
    for (size_t p = 0; p < w; p += LANES) {
        float_lanes value = lanes_exp(lanes_load(score, p, PRECISION_FP32) - max);
        value = (float_lanes)((int_lanes)value & lanes_before(pairs - (int)p));
        sum += value;
        lanes_store(score, p, value, PRECISION_FP32);
    }
    float_lanes each = 1 / lanes_total(sum);
    for (size_t p = 0; p < w; p += LANES)
        *(float_lanes *)(score + p) *= each;
}

// h = relu(h + b) for `count` rows from `pair` on. Stores sign bits unless signs is NULL, and in bf16 a
// widened copy of h in `wide`.
INLINE void bias_relu_rows(float *restrict wide, uint32_t *restrict signs, void *restrict h,
                           const float *restrict b, int pair, int count, size_t stride,
                           const enum precision precision)
{
    for (size_t j = 0; j < stride; j += LANES) {
        float_lanes bias = lanes_load(b, j, PRECISION_FP32);
        size_t word = (size_t)(pair / WORD) * stride + j;
        int_lanes bits = {0};
        if (signs && pair % WORD > 0)
            bits = *(const int_lanes *)(signs + word);
        for (int p = 0; p < count; p++) {
            size_t at = (size_t)(pair + p) * stride + j;
            float_lanes value = lanes_load(h, at, precision) + bias;
            int_lanes passes = ~(value <= 0); // true for NaN
            value = (float_lanes)((int_lanes)value & passes);
            bits |= passes & (int32_t)(1u << ((pair + p) % WORD));
            lanes_store(h, at, value, precision);
            if (precision == PRECISION_BF16)
                lanes_store(wide, at, lanes_rounded(value, precision), PRECISION_FP32);
        }
        if (signs)
            *(int_lanes *)(signs + word) = bits;
    }
}

INLINE void forward(float *pooled, float *weights, uint32_t *signs, void *h, const float *b, const float *v,
                    int sets, int pairs, int queries, size_t stride, float *wide,
                    const enum precision precision)
{
    size_t w = (size_t)lanes_stride(pairs);
    for (int set = 0; set < sets; set++) {
        const float *rows = precision == PRECISION_FP32 ? h : wide;
        for (int p = 0; p < pairs; p += PAIRS) {
            if (p + PAIRS <= pairs)
                bias_relu_rows(wide, signs, h, b, p, PAIRS, stride, precision);
            else
                bias_relu_rows(wide, signs, h, b, p, pairs - p, stride, precision);
            products(weights, rows, v, p, pairs, queries, stride);
        }
        for (size_t q = 0; q < (size_t)queries; q++)
            softmax(weights + q * w, pairs);
        memset(pooled, 0, (size_t)queries * stride * sizeof *pooled);
        for (int p = 0; p < pairs; p += WORD)
            add_sums(pooled, weights, rows, p, pairs, queries, stride);
        pooled += (size_t)queries * stride;
        weights += (size_t)queries * w;
        if (signs)
            signs += (size_t)sum_pooling_words(pairs) * stride;
        h = (char *)h + (size_t)pairs * stride * precision_bytes(precision);
    }
}

// ---- backward pass ----

// Buffers of one set in the caller's scratch.
struct scratch {
    float *mean;   // [queries]: sum of weight * dweight = pooled . dpooled (Dao, FlashAttention-2, 2023,
                   // algorithm 2)
    float *dscore; // [queries, w]
    float *db;     // [stride, LANES]
    float *wide;   // [pairs, stride]
};

static struct scratch scratch_in(float *buffer, int pairs, int queries, int stride)
{
    struct scratch s = {.mean = buffer};
    s.dscore = s.mean + lanes_stride(queries);
    s.db = s.dscore + (size_t)queries * (size_t)lanes_stride(pairs);
    s.wide = s.db + (size_t)stride * LANES;
    return s;
}

// dscore = weight (dweight - mean) of a query for the pairs from `pair` on, at most a word of them.
INLINE void softmax_backward(float *dscore, const float *weight, float mean, int pair, int pairs)
{
    for (size_t p = (size_t)pair; p < (size_t)pairs && p < (size_t)pair + WORD; p += LANES)
        lanes_store(dscore, p,
                    lanes_load(weight, p, PRECISION_FP32) * (lanes_load(dscore, p, PRECISION_FP32) - mean),
                    PRECISION_FP32);
}

// Computes the gradient at a set's scores in s->dscore; dv += the gradient at v.
INLINE void scores_backward(const struct scratch *s, float *dv, const float *dpooled, const float *pooled,
                            const float *weights, const float *h, int pairs, int queries, size_t stride)
{
    size_t w = (size_t)lanes_stride(pairs);
    for (size_t q = 0; q < (size_t)queries; q++) {
        float_lanes sum = {0};
        for (size_t j = 0; j < stride; j += LANES)
            sum += lanes_load(pooled, q * stride + j, PRECISION_FP32) *
                   lanes_load(dpooled, q * stride + j, PRECISION_FP32);
        s->mean[q] = lanes_total(sum)[0];
    }
    for (int first = 0; first < pairs; first += WORD) {
        for (int p = first; p < pairs && p < first + WORD; p += PAIRS)
            products(s->dscore, h, dpooled, p, pairs, queries, stride);
        for (size_t q = 0; q < (size_t)queries; q++)
            softmax_backward(s->dscore + q * w, weights + q * w, s->mean[q], first, pairs);
        add_sums(dv, s->dscore, h, first, pairs, queries, stride);
    }
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

// dz[p] = sum over the queries of weight[q, p] dpooled[q] + dscore[q, p] v[q] where h is positive, else 0.
INLINE void block_spread(void *restrict dz, float_lanes *restrict db, const float *restrict weight,
                         const float *restrict dpooled, const float *restrict dscore, const float *restrict v,
                         const float *restrict h, size_t w, int queries, size_t stride, size_t first,
                         size_t column, const int pairs, const int columns, const enum precision precision)
{
    float_lanes sum[SPREAD_PAIRS][COLUMNS] = {{{0}}};
    for (size_t q = 0; q < (size_t)queries; q++)
        for (int l = 0; l < columns; l++) {
            float_lanes at_sum = lanes_load(dpooled, q * stride + column + (size_t)l * LANES, PRECISION_FP32);
            float_lanes at_score = lanes_load(v, q * stride + column + (size_t)l * LANES, PRECISION_FP32);
            for (size_t p = 0; p < (size_t)pairs; p++) {
                sum[p][l] += weight[q * w + first + p] * at_sum;
                sum[p][l] += dscore[q * w + first + p] * at_score;
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
    size_t w = (size_t)lanes_stride(pairs);
    for (int l = 0; l < columns; l++)
        sum[l] = lanes_load(db, column + (size_t)l * LANES, PRECISION_FP32);
    int p = 0;
    for (; p + SPREAD_PAIRS <= pairs; p += SPREAD_PAIRS)
        block_spread(dz, sum, weight, dpooled, dscore, v, h, w, queries, stride, (size_t)p, column,
                     SPREAD_PAIRS, columns, precision);
    for (; p < pairs; p++)
        block_spread(dz, sum, weight, dpooled, dscore, v, h, w, queries, stride, (size_t)p, column, 1,
                     columns, precision);
    for (int l = 0; l < columns; l++)
        lanes_store(db, column + (size_t)l * LANES, sum[l], PRECISION_FP32);
}

INLINE void backward(void *dz, float *db, float *dv, const float *dpooled, const float *pooled,
                     const float *weights, const void *h, const float *v, int sets, int pairs, int queries,
                     size_t stride, const struct scratch *s, const enum precision precision)
{
    size_t set_bytes = (size_t)pairs * stride * precision_bytes(precision);
    for (int set = 0; set < sets; set++) {
        const float *rows = widened_rows(s->wide, h, pairs, stride, precision);
        scores_backward(s, dv, dpooled, pooled, weights, rows, pairs, queries, stride);
        size_t j = 0;
        for (; j + COLUMNS * LANES <= stride; j += COLUMNS * LANES)
            spread_columns(dz, db, weights, dpooled, s->dscore, v, rows, pairs, queries, stride, j, COLUMNS,
                           precision);
        for (; j < stride; j += LANES)
            spread_columns(dz, db, weights, dpooled, s->dscore, v, rows, pairs, queries, stride, j, 1,
                           precision);
        dpooled += (size_t)queries * stride;
        pooled += (size_t)queries * stride;
        weights += (size_t)queries * (size_t)lanes_stride(pairs);
        h = (const char *)h + set_bytes;
        dz = (char *)dz + set_bytes;
    }
}

// ---- the gradient's transpose ----

// Stores the first `count` lanes. Memory after them, which may belong to the next row, keeps its contents.
INLINE void store_lanes(float *to, float_lanes value, int count)
{
    int_lanes inside = lanes_before(count);
    if (count < LANES)
        value = (float_lanes)(((int_lanes)value & inside) | ((int_lanes) * (floats_anywhere *)to & ~inside));
    *(floats_anywhere *)to = value;
}

// dz and db of `columns` columns for a word of pairs (halves = 2) or its first half (1).
INLINE void block_transposed(float *restrict dz, float *restrict db, const uint32_t *restrict signs,
                             const float *restrict weight, const float *restrict dpooled,
                             const float *restrict dscore, const float *restrict v, int pairs, size_t w,
                             int queries, size_t stride, size_t ld, const int columns, const int halves)
{
    const int_lanes bit = {1 << 0, 1 << 1, 1 << 2,  1 << 3,  1 << 4,  1 << 5,  1 << 6,  1 << 7,
                           1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15};
    float_lanes sum[COLUMNS][2] = {{{0}}};
    for (size_t q = 0; q < (size_t)queries; q++) {
        float_lanes at_sum[2], at_score[2];
        for (int l = 0; l < halves; l++) {
            at_sum[l] = lanes_load(weight, q * w + (size_t)l * LANES, PRECISION_FP32);
            at_score[l] = lanes_load(dscore, q * w + (size_t)l * LANES, PRECISION_FP32);
        }
        for (int c = 0; c < columns; c++)
            for (int l = 0; l < halves; l++) {
                sum[c][l] += dpooled[q * stride + (size_t)c] * at_sum[l];
                sum[c][l] += v[q * stride + (size_t)c] * at_score[l];
            }
    }
    for (int c = 0; c < columns; c++) {
        float_lanes total = lanes_load(db, (size_t)c * LANES, PRECISION_FP32);
        for (int l = 0; l < halves; l++) {
            int_lanes positive = ((bit << (l * LANES)) & (int32_t)signs[c]) != 0;
            float_lanes gradient = (float_lanes)((int_lanes)sum[c][l] & positive);
            total += gradient;
            store_lanes(dz + (size_t)c * ld + l * LANES, gradient, pairs - l * LANES);
        }
        lanes_store(db, (size_t)c * LANES, total, PRECISION_FP32);
    }
}

INLINE void columns_transposed(float *dz, float *db, const uint32_t *signs, const float *weight,
                               const float *dpooled, const float *dscore, const float *v, int pairs,
                               int queries, size_t stride, size_t ld, const int columns)
{
    size_t w = (size_t)lanes_stride(pairs);
    for (int first = 0; first < pairs; first += WORD, signs += stride)
        if (pairs - first > LANES)
            block_transposed(dz + first, db, signs, weight + first, dpooled, dscore + first, v, pairs - first,
                             w, queries, stride, ld, columns, 2);
        else
            block_transposed(dz + first, db, signs, weight + first, dpooled, dscore + first, v, pairs - first,
                             w, queries, stride, ld, columns, 1);
}

INLINE void set_transposed(float *dz, float *db, const uint32_t *signs, const float *weight,
                           const float *dpooled, const float *dscore, const float *v, int pairs, int queries,
                           size_t stride, size_t width, size_t ld)
{
    size_t j = 0;
    for (; j + COLUMNS <= width; j += COLUMNS)
        columns_transposed(dz + j * ld, db + j * LANES, signs + j, weight, dpooled + j, dscore, v + j, pairs,
                           queries, stride, ld, COLUMNS);
    for (; j < width; j++)
        columns_transposed(dz + j * ld, db + j * LANES, signs + j, weight, dpooled + j, dscore, v + j, pairs,
                           queries, stride, ld, 1);
}

CLONES
static void transposed_fp32(float *dz, float *db, float *dv, const float *dpooled, const float *pooled,
                            const float *weights, const uint32_t *signs, const float *h, const float *v,
                            int sets, int pairs, int queries, int padded, int width, int ld,
                            const struct scratch *s)
{
    size_t stride = (size_t)padded, words = (size_t)sum_pooling_words(pairs),
           end = (size_t)sets * (size_t)pairs;
    memset(s->db, 0, stride * LANES * sizeof *s->db);
    for (int set = 0; set < sets; set++) {
        scores_backward(s, dv, dpooled, pooled, weights, h, pairs, queries, stride);
        set_transposed(dz + set * pairs, s->db, signs, weights, dpooled, s->dscore, v, pairs, queries, stride,
                       (size_t)width, (size_t)ld);
        dpooled += (size_t)queries * stride;
        pooled += (size_t)queries * stride;
        weights += (size_t)queries * (size_t)lanes_stride(pairs);
        signs += words * stride;
        h += (size_t)pairs * stride;
    }
    for (size_t j = 0; j < (size_t)width; j++)
        memset(dz + j * (size_t)ld + end, 0, ((size_t)ld - end) * sizeof *dz);
    for (size_t j = 0; j < stride; j += LANES) {
        float_lanes sum[LANES];
        memcpy(sum, s->db + j * LANES, sizeof sum);
        lane_sums_add(db + j, sum);
    }
}

CLONES
static void forward_fp32(float *pooled, float *weights, uint32_t *signs, float *h, const float *b,
                         const float *v, int sets, int pairs, int queries, int stride)
{
    forward(pooled, weights, signs, h, b, v, sets, pairs, queries, (size_t)stride, NULL, PRECISION_FP32);
}

CLONES
static void forward_bf16(float *pooled, float *weights, uint16_t *h, const float *b, const float *v, int sets,
                         int pairs, int queries, int stride, float *wide)
{
    forward(pooled, weights, NULL, h, b, v, sets, pairs, queries, (size_t)stride, wide, PRECISION_BF16);
}

CLONES
static void backward_fp32(float *dz, float *db, float *dv, const float *dpooled, const float *pooled,
                          const float *weights, const float *h, const float *v, int sets, int pairs,
                          int queries, int stride, const struct scratch *s)
{
    backward(dz, db, dv, dpooled, pooled, weights, h, v, sets, pairs, queries, (size_t)stride, s,
             PRECISION_FP32);
}

CLONES
static void backward_bf16(uint16_t *dz, float *db, float *dv, const float *dpooled, const float *pooled,
                          const float *weights, const uint16_t *h, const float *v, int sets, int pairs,
                          int queries, int stride, const struct scratch *s)
{
    backward(dz, db, dv, dpooled, pooled, weights, h, v, sets, pairs, queries, (size_t)stride, s,
             PRECISION_BF16);
}

void attention_pooling_forward(float *pooled, float *weights, uint32_t *signs, void *h, const float *b,
                               const float *v, int sets, int pairs, int queries, int stride, float *scratch,
                               enum precision precision)
{
    if (precision == PRECISION_FP32)
        forward_fp32(pooled, weights, signs, h, b, v, sets, pairs, queries, stride);
    else
        forward_bf16(pooled, weights, h, b, v, sets, pairs, queries, stride,
                     scratch_in(scratch, pairs, queries, stride).wide);
}

void attention_pooling_backward(void *dz, float *db, float *dv, const float *dpooled, const float *pooled,
                                const float *weights, const void *h, const float *v, int sets, int pairs,
                                int queries, int stride, float *scratch, enum precision precision)
{
    struct scratch s = scratch_in(scratch, pairs, queries, stride);
    if (precision == PRECISION_FP32)
        backward_fp32(dz, db, dv, dpooled, pooled, weights, h, v, sets, pairs, queries, stride, &s);
    else
        backward_bf16(dz, db, dv, dpooled, pooled, weights, h, v, sets, pairs, queries, stride, &s);
}

void attention_pooling_backward_transposed(float *dz, float *db, float *dv, const float *dpooled,
                                           const float *pooled, const float *weights, const uint32_t *signs,
                                           const float *h, const float *v, int sets, int pairs, int queries,
                                           int stride, int width, int ld, float *scratch)
{
    struct scratch s = scratch_in(scratch, pairs, queries, stride);
    transposed_fp32(dz, db, dv, dpooled, pooled, weights, signs, h, v, sets, pairs, queries, stride, width,
                    ld, &s);
}
