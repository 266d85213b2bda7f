// Kernels against naive loops in double, in each precision and by each library.
#include "arrays.h"
#include "base/memory.h"
#include "kernel/bias_relu.h"
#include "kernel/gemm.h"
#include "kernel/operand.h"
#include "kernel/simd_set.h"
#include "kernel/small_k.h"
#include "kernel/sum_pooling.h"
#include "reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- bfloat16 ----

static void test_rounding_to_bf16(void **state)
{
    (void)state;
    static const struct {
        float value, rounded;
    } known[] = {
        {1, 1},
        {-0.0f, -0.0f},
        {1 + 0x1p-7f, 1 + 0x1p-7f},
        {1 + 0x1p-8f, 1},                          // ties to even, down
        {1 + 0x1p-7f + 0x1p-8f, 1 + 0x1p-6f},      // and up
        {1 + 0x1p-8f + 0x1p-20f, 1 + 0x1p-7f},     // above the tie
        {-(1 + 0x1p-8f + 0x1p-20f), -1 - 0x1p-7f}, // sign and size apart
        {1 - 0x1p-24f, 1},                         // into the next power of two
        {INFINITY, INFINITY},
    };
    enum { COUNT = sizeof known / sizeof *known };
    for (int i = 0; i < COUNT; i++) {
        float value = known[i].value, rounded;
        void *numbers = stored(&value, 1, PRECISION_BF16);
        rounded = operand_widen_one(operand_round_one(known[i].value));
        assert_memory_equal(&value, &known[i].rounded, sizeof value);
        assert_memory_equal(&rounded, &known[i].rounded, sizeof rounded);
        free(numbers);
    }
    assert_true(isnan(operand_widen_one(operand_round_one(NAN))));
}

// ---- gemm ----

struct product {
    bool a_transposed, b_transposed; // A is stored [k, m], B [n, k]
    bool packed, add, bias, relu;
};

enum { PADDING = 3 };

// B from gemm_pack, which takes dense rows.  b [rows, ldb] in `operands`
static void *packed_of(enum precision operands, int n, int k, const void *b, int ldb, bool transposed)
{
    size_t number = precision_bytes(operands), rows = (size_t)(transposed ? n : k),
           row = (size_t)(transposed ? k : n) * number;
    char *dense = memory_small(rows * row);
    void *packed = reference_floats(gemm_packed_elements(n, k));
    for (size_t i = 0; i < rows; i++)
        memcpy(dense + i * row, (const char *)b + i * (size_t)ldb * number, row);
    gemm_pack(operands, n, k, dense, transposed, packed);
    free(dense);
    return packed;
}

// All rows are padded. C's padding stays untouched; C itself is overwritten, whatever it was, unless it is
// added to.
static void check_gemm(const struct product *product, enum gemm_types numbers, int m, int n, int k)
{
    bool at = product->a_transposed, bt = product->b_transposed;
    int lda = (at ? m : k) + PADDING, ldb = (bt ? k : n) + PADDING, ldc = n + PADDING;
    size_t a_size = (size_t)((at ? k : m) * lda), b_size = (size_t)((bt ? n : k) * ldb),
           c_size = (size_t)(m * ldc);
    enum precision operands = numbers == GEMM_FP32 ? PRECISION_FP32 : PRECISION_BF16;
    enum precision result = numbers == GEMM_BF16 ? PRECISION_BF16 : PRECISION_FP32;
    float *a = filled(a_size, 1), *b = filled(b_size, 2), *c = filled(c_size, 3),
          *bias = filled((size_t)n, 4);
    void *a_stored = stored(a, a_size, operands), *b_stored = stored(b, b_size, operands);
    double *a_wide = as_doubles(a, a_size), *b_wide = as_doubles(b, b_size), *want = doubles((size_t)(m * n));
    for (int i = 0; i < m; i++)
        for (int j = 0; j < ldc; j++) {
            if (j < n)
                want[i * n + j] = (double)c[i * ldc + j];
            if (j >= n || !product->add)
                c[i * ldc + j] = NAN;
        }
    void *c_stored = stored(c, c_size, result);
    reference_multiply(m, n, k, a_wide, at ? 1 : lda, at ? lda : 1, b_wide, bt ? 1 : ldb, bt ? ldb : 1, want,
                       product->add);
    for (int i = 0; i < m * n; i++) {
        want[i] += product->bias ? (double)bias[i % n] : 0;
        want[i] = product->relu ? fmax(want[i], 0) : want[i];
    }
    void *packed = product->packed ? packed_of(operands, n, k, b_stored, ldb, bt) : NULL;
    gemm_multiply(&(struct gemm){.types = numbers,
                                 .m = m,
                                 .n = n,
                                 .k = k,
                                 .lda = lda,
                                 .ldb = ldb,
                                 .ldc = ldc,
                                 .a_transposed = at,
                                 .b_transposed = bt,
                                 .a = a_stored,
                                 .b = packed ? NULL : b_stored,
                                 .packed = packed,
                                 .c = c_stored,
                                 .bias = product->bias ? bias : NULL,
                                 .relu = product->relu,
                                 .add = product->add});
    float *got = loaded(c_stored, c_size, result);
    for (int i = 0; i < m; i++) {
        for (int j = n; j < ldc; j++)
            assert_true(isnan(got[i * ldc + j]));
        memmove(got + i * n, got + i * ldc, (size_t)n * sizeof *got);
    }
    // A bias is added to a rounded result: two roundings.
    assert_close(got, want, (size_t)(m * n), (product->bias ? 2 : 1) * stored_threshold[result]);
    FREE_ALL(a, b, c, bias, a_stored, b_stored, c_stored, a_wide, b_wide, want, got, packed);
}

static void check_products(enum gemm_types numbers)
{
    static const struct product products[] = {
        {false, false, false, false, false, false}, {false, true, false, false, false, false},
        {true, false, false, false, false, false},  {false, false, true, false, false, false},
        {false, true, true, false, false, false},   {false, false, true, false, true, false},
        {false, true, false, false, true, true},    {false, false, false, true, false, false},
        {false, true, false, true, false, false},   {true, false, false, true, false, false}};
    static const int sizes[][3] = {{1, 1, 1},     {3, 5, 7},      {33, 17, 45},
                                   {180, 33, 20}, {13, 128, 257}, {64, 256, 128}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t p = 0; p < sizeof products / sizeof *products; p++)
            if (!products[p].add || numbers != GEMM_BF16)
                check_gemm(&products[p], numbers, sizes[s][0], sizes[s][1], sizes[s][2]);
}

static void test_gemm(void **state)
{
    (void)state;
    for (int p = 0; p < 2; p++) {
        enum gemm_library chosen = gemm_library(either(p));
        for (enum gemm_library library = GEMM_PORTABLE; library < GEMM_LIBRARIES; library++) {
            if (!gemm_use(either(p), library))
                continue;
            if (either(p) == PRECISION_FP32) {
                check_products(GEMM_FP32);
            } else {
                check_products(GEMM_BF16_FP32);
                check_products(GEMM_BF16);
            }
        }
        gemm_use(either(p), chosen);
    }
}

// ---- narrow layers ----

// Sets the elements after `width` in each row to zero.
static void clear_padding(float *rows, int count, int width, int stride)
{
    for (int i = 0; i < count; i++)
        memset(rows + i * stride + width, 0, (size_t)(stride - width) * sizeof *rows);
}

static void check_narrow(int rows, int in, int width, enum precision precision)
{
    int stride = lanes_stride(width);
    size_t w_size = (size_t)(in * stride), h_size = (size_t)(rows * stride), all = (size_t)stride;
    float *x = filled((size_t)(rows * in), 1), *w = filled(w_size, 2), *b = filled(all, 3);
    float *h_stored = reference_floats(h_size);
    clear_padding(w, in, width, stride);
    clear_padding(b, 1, width, stride);
    double *want = doubles(h_size);
    for (int row = 0; row < rows; row++)
        for (int j = 0; j < stride; j++) {
            double z = (double)b[j];
            for (int k = 0; k < in; k++)
                z += (double)x[row * in + k] * (double)w[k * stride + j];
            want[row * stride + j] = z > 0 ? z : 0;
        }
    small_k_relu_forward(h_stored, x, w, b, rows, in, stride, precision);
    expect_stored(h_stored, want, h_size, precision);

    float *h = loaded(h_stored, h_size, precision), *dh = filled(h_size, 5);
    float *dw = filled(w_size, 6), *db = filled(all, 7); // gradients are added
    void *dh_stored = stored(dh, h_size, precision);
    double *dw_want = as_doubles(dw, w_size), *db_want = as_doubles(db, all);
    for (int row = 0; row < rows; row++)
        for (int j = 0; j < stride; j++) {
            double dz = h[row * stride + j] > 0 ? (double)dh[row * stride + j] : 0;
            db_want[j] += dz;
            for (int k = 0; k < in; k++)
                dw_want[k * stride + j] += (double)x[row * in + k] * dz;
        }
    small_k_relu_backward(dw, db, dh_stored, h_stored, x, rows, in, stride, precision);
    assert_close(dw, dw_want, w_size, sum_threshold);
    assert_close(db, db_want, all, sum_threshold);
    FREE_ALL(x, w, b, h, h_stored, dh, dh_stored, dw, db, want, dw_want, db_want);
}

static void test_small_k_dense(void **state)
{
    (void)state;
    for (int p = 0; p < 2; p++) {
        for (int in = 1; in <= 17; in++) {
            check_narrow(1, in, 5, either(p));
            check_narrow(50, in, 33, either(p));
        }
        check_narrow(7, 3, 128, either(p));
    }
}

// ---- pooling ----

static void check_pooling(int sets, int pairs, int width, enum precision precision)
{
    int stride = lanes_stride(width), words = sum_pooling_words(pairs), rows = sets * pairs;
    float scale = 1.0f / (float)pairs;
    size_t z_size = (size_t)(rows * stride), pooled_size = (size_t)(sets * stride), all = (size_t)stride;
    float *z = filled(z_size, 1), *b = filled(all, 2), *pooled = filled(pooled_size, 3);
    uint32_t *signs = (uint32_t *)reference_floats((size_t)(words * sets * stride));
    clear_padding(z, rows, width, stride);
    clear_padding(b, 1, width, stride);
    void *z_stored = stored(z, z_size, precision);
    sum_pooling_forward(pooled, signs, z_stored, b, scale, sets, pairs, stride, precision);

    float *dpooled = filled(pooled_size, 4), *dz_stored = filled(z_size, 5),
          *db = filled(all, 6); // db is added to
    double *want = doubles(pooled_size), *dz_want = doubles(z_size), *db_want = as_doubles(db, all);
    for (int set = 0; set < sets; set++)
        for (int p = 0; p < pairs; p++)
            for (int j = 0; j < stride; j++) {
                int row = set * pairs + p;
                double value = (double)z[row * stride + j] + (double)b[j];
                double gradient = value > 0 ? (double)scale * (double)dpooled[set * stride + j] : 0;
                want[set * stride + j] += value > 0 ? (double)scale * value : 0;
                dz_want[row * stride + j] = gradient;
                db_want[j] += gradient;
            }
    sum_pooling_backward(dz_stored, db, dpooled, signs, scale, sets, pairs, stride, precision);
    assert_close(pooled, want, pooled_size, sum_threshold);
    expect_stored(dz_stored, dz_want, z_size, precision);
    assert_close(db, db_want, all, sum_threshold);
    FREE_ALL(z, z_stored, b, pooled, signs, dpooled, dz_stored, db, want, dz_want, db_want);
}

static void test_pooling(void **state)
{
    (void)state;
    static const int pairs[] = {1, 31, 32, 33, 45, 63, 150}, widths[] = {16, 32, 48, 256, 13, 33};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        for (size_t j = 0; j < sizeof widths / sizeof *widths; j++)
            for (int p = 0; p < 2; p++)
                check_pooling(3, pairs[i], widths[j], either(p));
}

// ---- bias and ReLU ----

enum { ROWS = 9, WIDTH = 21, LD = 25, SIZE = ROWS * LD };

// `got` is `want` in the columns that count, and `before` in the padding.
static void expect_rows(const void *got, const double *want, const float *before, enum precision precision)
{
    float *values = loaded(got, SIZE, precision);
    for (int i = 0; i < ROWS; i++) {
        assert_memory_equal(values + i * LD + WIDTH, before + i * LD + WIDTH, (LD - WIDTH) * sizeof *values);
        memmove(values + i * WIDTH, values + i * LD, WIDTH * sizeof *values);
    }
    assert_close(values, want, ROWS * WIDTH, stored_threshold[precision]);
    memory_free((void **)&values);
}

static void check_activation(enum precision precision)
{
    float z[SIZE], h[SIZE], b[WIDTH], db[WIDTH];
    double sum[ROWS * WIDTH], relu[ROWS * WIDTH], masked[ROWS * WIDTH], columns[WIDTH];
    reference_fill(z, SIZE, 1);
    reference_fill(h, SIZE, 2);
    reference_fill(b, WIDTH, 3);
    void *added = stored(z, SIZE, precision), *forward = stored(z, SIZE, precision);
    void *backward = stored(z, SIZE, precision), *h_stored = stored(h, SIZE, precision);
    for (int j = 0; j < WIDTH; j++)
        columns[j] = (double)(db[j] = b[j]);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < WIDTH; j++) {
            double value = (double)z[i * LD + j];
            sum[i * WIDTH + j] = value + (double)b[j];
            relu[i * WIDTH + j] = fmax(value + (double)b[j], 0);
            masked[i * WIDTH + j] = h[i * LD + j] > 0 ? value : 0;
            columns[j] += value;
        }
    bias_gradient(db, backward, ROWS, WIDTH, LD, precision);
    assert_close(db, columns, WIDTH, sum_threshold);
    bias_relu(forward, b, ROWS, WIDTH, LD, precision);
    expect_rows(forward, relu, z, precision);
    relu_backward(backward, h_stored, ROWS, WIDTH, LD, precision);
    expect_rows(backward, masked, z, precision);
    bias_add(added, b, ROWS, WIDTH, LD, precision);
    expect_rows(added, sum, z, precision);
    FREE_ALL(added, forward, backward, h_stored);
}

static void test_activation(void **state)
{
    (void)state;
    check_activation(PRECISION_FP32);
    check_activation(PRECISION_BF16);
}

// A run that diverges must show: no ReLU may turn NaN into zero.
static void test_nan_passes(void **state)
{
    (void)state;
    enum { PAIRS = 40, COUNT = PAIRS * LANES, BAD = 35 * LANES + 4 };
    _Alignas(64) float b[LANES] = {0}, w[LANES] = {0}, pooled[LANES];
    _Alignas(64) uint32_t signs[2 * LANES];
    for (int p = 0; p < 2; p++) {
        float *zeros = reference_floats(COUNT), x[2] = {1, NAN};
        zeros[BAD] = NAN;
        void *z = stored(zeros, COUNT, either(p));
        sum_pooling_forward(pooled, signs, z, b, 1, 1, PAIRS, LANES, either(p));
        for (int j = 0; j < LANES; j++)
            assert_int_equal(isnan(pooled[j]), j == 4);
        bias_relu(z, b, PAIRS, LANES, LANES, either(p));
        float *relu = loaded(z, COUNT, either(p));
        assert_true(isnan(relu[BAD]));

        small_k_relu_forward(z, x, w, b, 2, 1, LANES, either(p));
        float *h = loaded(z, 2 * LANES, either(p));
        for (int j = 0; j < LANES; j++)
            assert_true(h[j] == 0 && isnan(h[LANES + j]));
        FREE_ALL(zeros, z, relu, h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding_to_bf16), cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_small_k_dense),    cmocka_unit_test(test_pooling),
        cmocka_unit_test(test_activation),       cmocka_unit_test(test_nan_passes),
    };
    gemm_setup();
    int failed = 0;
    for (int set = 0; set < SIMD_SETS; set++)
        if (simd_set_use((enum simd_set)set))
            failed += cmocka_run_group_tests_name(simd_set_name((enum simd_set)set), tests, NULL, NULL);
    return failed;
}
