// The kernels of maximum, moments and attention against naive loops in double, in both precisions. Rows are
// padded; what lies in the padding of an input is zero.
#include "arrays.h"
#include "kernel/attention_pooling.h"
#include "kernel/max_pooling.h"
#include "kernel/moments_pooling.h"
#include "kernel/simd_set.h"
#include "spec/buffer_sizes.h"

#include <math.h>

static const int pair_counts[] = {1, 2, 31, 45, 150}, widths[] = {13, 16, 80, 33};
enum { SETS = 3 };

static const double difference_threshold =
    1e-5; // of what is the difference of larger numbers, or an exponential of it

#define EACH(CHECK)                                                                                          \
    for (size_t i_ = 0; i_ < sizeof pair_counts / sizeof *pair_counts; i_++)                                 \
        for (size_t j_ = 0; j_ < sizeof widths / sizeof *widths; j_++)                                       \
            for (int p_ = 0; p_ < 2; p_++)                                                                   \
    CHECK(pair_counts[i_], widths[j_], either(p_))

static float *filled_rows(size_t rows, int width, int64_t seed)
{
    size_t stride = (size_t)lanes_stride(width);
    float *values = filled(rows * stride, seed);
    for (size_t row = 0; row < rows; row++)
        memset(values + row * stride + width, 0, (stride - (size_t)width) * sizeof *values);
    return values;
}

// ---- maximum ----

enum { INPUTS = 21 }; // width of the layer before

// Few values, so that pairs tie.
static float *tied_rows(size_t rows, int width, int64_t seed)
{
    float *values = filled_rows(rows, width, seed);
    for (size_t i = 0; i < rows * (size_t)lanes_stride(width); i++)
        values[i] = roundf(2 * values[i]) / 2;
    return values;
}

static void check_max_backward(const int32_t *winner, int pairs, int width, enum precision precision)
{
    size_t stride = (size_t)lanes_stride(width), in = (size_t)lanes_stride(INPUTS),
           all = SETS * (size_t)pairs;
    float *h = filled_rows(all, INPUTS, 4), *w = filled_rows((size_t)width, INPUTS, 5);
    float *de = filled(SETS * (size_t)width, 6), *dw = filled_rows((size_t)width, INPUTS, 7),
          *db = filled_rows(1, INPUTS, 8); // added to
    void *h_stored, *w_stored = stored(w, (size_t)width * in, precision), *dz = reference_floats(all * in);
    for (size_t i = 0; i < all * in; i++)
        h[i] = fmaxf(h[i], 0);
    h_stored = stored(h, all * in, precision);
    free(stored(de, SETS * (size_t)width, precision)); // an operand
    struct max_pooling_argmax winners = {.row = memory_small(all * sizeof(int32_t)),
                                         .first = memory_small((all + 1) * sizeof(int32_t)),
                                         .column = memory_small(SETS * (size_t)width * sizeof(int32_t))};
    int32_t *count = memory_small((size_t)(pairs + 1) * sizeof *count);
    max_pooling_list_argmax(&winners, winner, SETS, pairs, width, (int)stride, count);
    double *dw_want = as_doubles(dw, (size_t)width * in), *db_want = as_doubles(db, in),
           *dz_all = doubles(all * in), *dz_want = doubles(all * in);
    for (size_t set = 0; set < SETS; set++)
        for (size_t j = 0; j < (size_t)width; j++)
            for (size_t k = 0; k < in; k++) {
                size_t row = set * (size_t)pairs + (size_t)winner[set * stride + j];
                double gradient = (double)de[set * (size_t)width + j];
                dw_want[j * in + k] += gradient * (double)h[row * in + k];
                if (h[row * in + k] > 0) {
                    dz_all[row * in + k] += gradient * (double)w[j * in + k];
                    db_want[k] += gradient * (double)w[j * in + k];
                }
            }
    int rows = 0;
    for (size_t row = 0; row < all; row++) { // those that won, in order
        bool won = false;
        for (size_t j = 0; j < (size_t)width; j++)
            won |= winner[row / (size_t)pairs * stride + j] == (int)(row % (size_t)pairs);
        if (!won)
            continue;
        assert_int_equal(winners.row[rows], row);
        memcpy(dz_want + (size_t)rows++ * in, dz_all + row * in, in * sizeof *dz_all);
    }
    assert_int_equal(winners.rows, rows);
    max_pooling_backward(dz, dw, db, &winners, de, pairs, width, w_stored, h_stored, (int)in, precision);
    expect_stored(dz, dz_want, (size_t)rows * in, precision);
    assert_close(dw, dw_want, (size_t)width * in, sum_threshold);
    assert_close(db, db_want, in, sum_threshold);
    FREE_ALL(h, w, de, dw, db, h_stored, w_stored, dz, winners.row, winners.first, winners.column, count,
             dw_want, db_want, dz_all, dz_want);
}

static void check_max(int pairs, int width, enum precision precision)
{
    size_t stride = (size_t)lanes_stride(width), size = SETS * (size_t)pairs * stride;
    float *z = tied_rows(SETS * (size_t)pairs, width, 1), *pooled = filled(SETS * stride, 2);
    void *z_stored = stored(z, size, precision);
    int32_t *winner = (int32_t *)filled(SETS * stride, 3);
    max_pooling_forward(pooled, winner, z_stored, SETS, pairs, (int)stride, precision);
    for (size_t set = 0; set < SETS; set++)
        for (size_t j = 0; j < stride; j++) {
            const float *column = z + set * (size_t)pairs * stride + j;
            int first = 0;
            for (int p = 1; p < pairs; p++)
                if (column[(size_t)p * stride] > column[(size_t)first * stride])
                    first = p;
            assert_int_equal(winner[set * stride + j], first);
            assert_true(pooled[set * stride + j] == column[(size_t)first * stride]);
        }
    check_max_backward(winner, pairs, width, precision);
    FREE_ALL(z, z_stored, pooled, winner);
}

static void test_max(void **state)
{
    (void)state;
    EACH(check_max);
}

// A run that diverges must show.
static void test_nan_wins(void **state)
{
    (void)state;
    enum { PAIRS = 5 };
    for (int p = 0; p < 2; p++)
        for (int bad = 0; bad < PAIRS; bad++) {
            float *z = filled(PAIRS * LANES, 1), *pooled = reference_floats(2 * LANES);
            int32_t *winner = (int32_t *)reference_floats(LANES);
            z[bad * LANES + 3] = NAN;
            void *z_stored = stored(z, PAIRS * LANES, either(p));
            max_pooling_forward(pooled, winner, z_stored, 1, PAIRS, LANES, either(p));
            for (int j = 0; j < LANES; j++) {
                assert_int_equal(isnan(pooled[j]), j == 3);
                assert_int_equal(isnan(operand_widen_one(operand_round_one(pooled[j]))), j == 3);
            }
            moments_pooling_forward(pooled, z_stored, 1, PAIRS, LANES, either(p));
            for (int j = 0; j < 2 * LANES; j++)
                assert_int_equal(isnan(pooled[j]), j % LANES == 3);
            FREE_ALL(z, pooled, winner, z_stored);
        }
}

// ---- moments ----

static void check_moments(int pairs, int width, enum precision precision)
{
    size_t stride = (size_t)lanes_stride(width), size = SETS * (size_t)pairs * stride;
    float *z = filled_rows(SETS * (size_t)pairs, width, 1), *moments = filled(2 * SETS * stride, 2);
    float *dmoments = filled_rows(2 * SETS, width, 3);
    for (size_t i = 0; i < size; i++) // a mean that is large beside the deviation
        z[i] = i % stride < (size_t)width ? z[i] + (float)(i % 4) : 0;
    void *z_stored = stored(z, size, precision);
    double *want = doubles(2 * SETS * stride), *dz_want = doubles(size);
    for (size_t set = 0; set < SETS; set++)
        for (size_t j = 0; j < stride; j++) {
            const float *column = z + set * (size_t)pairs * stride + j;
            const float *gradient = dmoments + 2 * set * stride + j;
            double mean = 0, squares = 0;
            for (size_t p = 0; p < (size_t)pairs; p++)
                mean += (double)column[p * stride] / pairs;
            for (size_t p = 0; p < (size_t)pairs; p++)
                squares += pow((double)column[p * stride] - mean, 2);
            double deviation = sqrt(squares / pairs + 1e-6);
            want[2 * set * stride + j] = mean;
            want[(2 * set + 1) * stride + j] = deviation;
            for (size_t p = 0; p < (size_t)pairs; p++)
                dz_want[(set * (size_t)pairs + p) * stride + j] =
                    ((double)gradient[0] +
                     (double)gradient[stride] * ((double)column[p * stride] - mean) / deviation) /
                    pairs;
        }
    moments_pooling_forward(moments, z_stored, SETS, pairs, (int)stride, precision);
    assert_close(moments, want, 2 * SETS * stride, sum_threshold);
    moments_pooling_backward(z_stored, dmoments, moments, SETS, pairs, (int)stride, precision);
    float *dz = loaded(z_stored, size, precision);
    if (pairs > 1) // else rounding of the mean alone stands over the floor of the variance
        assert_close(dz, dz_want, size, difference_threshold + (precision == PRECISION_BF16 ? 0x1p-8 : 0));
    FREE_ALL(z, z_stored, moments, dz, dmoments, want, dz_want);
}

static void test_moments(void **state)
{
    (void)state;
    EACH(check_moments);
}

// ---- attention ----

struct attention {
    int pairs, queries;
    size_t stride;
    double *weight, *dscore; // of one set and query, [pairs]
};

// One set, one query: its weights and what it gathers.
static void attend(const struct attention *a, const float *h, const float *v, double *pooled)
{
    double most = -INFINITY, sum = 0;
    for (size_t p = 0; p < (size_t)a->pairs; p++) {
        a->weight[p] = 0;
        for (size_t j = 0; j < a->stride; j++)
            a->weight[p] += (double)h[p * a->stride + j] * (double)v[j];
        most = fmax(most, a->weight[p]);
    }
    for (int p = 0; p < a->pairs; p++)
        sum += a->weight[p] = exp(a->weight[p] - most);
    for (size_t p = 0; p < (size_t)a->pairs; p++) {
        a->weight[p] /= sum;
        for (size_t j = 0; j < a->stride; j++)
            pooled[j] += a->weight[p] * (double)h[p * a->stride + j];
    }
}

// After attend: adds to the gradients at h and at v.
static void attend_backward(const struct attention *a, const float *h, const float *v, const float *dpooled,
                            double *dh, double *dv)
{
    double mean = 0;
    for (size_t p = 0; p < (size_t)a->pairs; p++) {
        a->dscore[p] = 0;
        for (size_t j = 0; j < a->stride; j++)
            a->dscore[p] += (double)h[p * a->stride + j] * (double)dpooled[j];
        mean += a->weight[p] * a->dscore[p];
    }
    for (size_t p = 0; p < (size_t)a->pairs; p++) {
        double dscore = a->weight[p] * (a->dscore[p] - mean);
        for (size_t j = 0; j < a->stride; j++) {
            dh[p * a->stride + j] += a->weight[p] * (double)dpooled[j] + dscore * (double)v[j];
            dv[j] += dscore * (double)h[p * a->stride + j];
        }
    }
}

static void check_attention_of(int queries, int pairs, int width, enum precision precision)
{
    size_t stride = (size_t)lanes_stride(width), padded = (size_t)lanes_stride(pairs);
    size_t size = SETS * (size_t)pairs * stride, q_size = (size_t)queries * stride;
    float *z = filled_rows(SETS * (size_t)pairs, width, 1), *b = filled_rows(1, width, 2);
    float *v = filled_rows((size_t)queries, width, 3),
          *dpooled = filled_rows(SETS * (size_t)queries, width, 4);
    float *db = filled_rows(1, width, 5), *dv = filled_rows((size_t)queries, width, 6); // added to
    float *pooled = filled(SETS * q_size, 7), *weights = filled(SETS * (size_t)queries * padded, 8);
    float *dz = reference_floats(size),
          *scratch = reference_floats(attention_pooling_scratch(pairs, queries, (int)stride, precision));
    void *h_stored = stored(z, size, precision);
    double *want = doubles(SETS * q_size), *dz_want = doubles(size), *db_want = as_doubles(db, stride),
           *dv_want = as_doubles(dv, q_size);
    const struct attention_pooling kernel = {SETS,    pairs,  queries, (int)stride, precision, h_stored, b, v,
                                             weights, pooled, scratch, dpooled,     dz,        db,       dv};
    attention_pooling_forward(&kernel);
    float *h = loaded(h_stored, size, precision);
    for (size_t i = 0; i < size; i++)
        assert_true(fabs((double)h[i] - fmax((double)z[i] + (double)b[i % stride], 0)) <=
                    0x1p-8 * fabs((double)h[i]) + 1e-6);
    struct attention a = {pairs, queries, stride, doubles((size_t)pairs), doubles((size_t)pairs)};
    for (size_t set = 0; set < SETS; set++)
        for (size_t q = 0; q < (size_t)queries; q++) {
            const float *rows = h + set * (size_t)pairs * stride, *query = v + q * stride;
            size_t at = set * q_size + q * stride;
            attend(&a, rows, query, want + at);
            attend_backward(&a, rows, query, dpooled + at, dz_want + set * (size_t)pairs * stride,
                            dv_want + q * stride);
        }
    for (size_t i = 0; i < size; i++) {
        dz_want[i] = h[i] > 0 ? dz_want[i] : 0;
        db_want[i % stride] += dz_want[i];
    }
    attention_pooling_backward(&kernel);
    float *dz_loaded = loaded(dz, size, precision);
    assert_close(pooled, want, SETS * q_size, difference_threshold);
    assert_close(dz_loaded, dz_want, size, difference_threshold + (precision == PRECISION_BF16 ? 0x1p-8 : 0));
    assert_close(db, db_want, stride, difference_threshold);
    assert_close(dv, dv_want, q_size, difference_threshold);
    FREE_ALL(z, b, v, dpooled, db, dv, pooled, weights, dz, scratch, h_stored, want, dz_want, db_want,
             dv_want, h, a.weight, a.dscore, dz_loaded);
}

static void check_attention(int pairs, int width, enum precision precision)
{
    static const int queries[] = {1, 4, 7, 18};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        check_attention_of(queries[i], pairs, width, precision);
}

static void test_attention(void **state)
{
    (void)state;
    EACH(check_attention);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_max),
        cmocka_unit_test(test_nan_wins),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_attention),
    };
    int failed = 0;
    for (int set = 0; set < SIMD_SETS; set++)
        if (simd_set_use((enum simd_set)set))
            failed += cmocka_run_group_tests_name(simd_set_name((enum simd_set)set), tests, NULL, NULL);
    return failed;
}
