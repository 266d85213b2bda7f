// The portable fp32 GEMM and the sums against naive chains, bit by bit, with every instruction set that this
// processor has.
#include "kernel/gemm_fp32.h"
#include "kernel/simd_set.h"
#include "kernel/sums.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t random_state;

static uint32_t random_bits(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

static float *filled(size_t count)
{
    float *values = malloc((count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(random_bits() % 20001) * 1e-4f - 1;
    return values;
}

enum { PADDING = 3 };

// Options of a product, one bit each.
enum {
    A_TRANSPOSED = 1,
    B_TRANSPOSED = 2,
    PACKED = 4,
    BIAS = 8,
    ADD = 16,
    RELU = 32,
    OPTIONS = 64,
};

static struct gemm random_product(int m, int n, int k, int options)
{
    struct gemm g = {.m = m,
                     .n = n,
                     .k = k,
                     .a_transposed = options & A_TRANSPOSED,
                     .b_transposed = options & B_TRANSPOSED,
                     .add = options & ADD,
                     .relu = options & RELU};
    g.lda = (g.a_transposed ? m : k) + PADDING;
    g.ldb = (g.b_transposed ? k : n) + PADDING;
    g.ldc = n + PADDING;
    g.a = filled((size_t)((g.a_transposed ? k : m) * g.lda));
    g.b = filled((size_t)((g.b_transposed ? n : k) * g.ldb));
    g.c = filled((size_t)(m * g.ldc));
    if (options & BIAS && !g.add)
        g.bias = filled((size_t)n);
    if (options & PACKED) {
        float *packed = malloc((gemm_packed_elements(n, k) + 1) * sizeof *packed);
        gemm_fp32_pack(packed, g.b, n, k, g.ldb, g.b_transposed);
        g.packed = packed;
    }
    return g;
}

static void free_product(struct gemm *g)
{
    const void *arrays[] = {g->a, g->b, g->c, g->bias, g->packed};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free((void *)arrays[i]);
}

static void reference(const struct gemm *g, float *c)
{
    const float *a = g->a, *b = g->b;
    for (int i = 0; i < g->m; i++)
        for (int j = 0; j < g->n; j++) {
            float *result = &c[i * g->ldc + j], sum = g->add ? *result : g->bias ? g->bias[j] : 0;
            for (int p = 0; p < g->k; p++)
                sum = fmaf(a[g->a_transposed ? p * g->lda + i : i * g->lda + p],
                           b[g->b_transposed ? j * g->ldb + p : p * g->ldb + j], sum);
            if (g->relu && sum < 0)
                sum = 0;
            *result = sum;
        }
}

static void *copy_of(const void *from, size_t bytes)
{
    void *copy = malloc(bytes + 1);
    memcpy(copy, from, bytes);
    return copy;
}

// All memory of C is compared, so that the padding must not change.
static void check_product(int m, int n, int k, int options)
{
    struct gemm g = random_product(m, n, k, options);
    size_t bytes = (size_t)(m * g.ldc) * sizeof(float);
    float *start = copy_of(g.c, bytes), *want = copy_of(g.c, bytes);
    reference(&g, want);
    for (int set = 0; set < SIMD_SETS; set++)
        if (simd_set_use((enum simd_set)set)) {
            memcpy(g.c, start, bytes);
            gemm_fp32_multiply(&g);
            if (memcmp(g.c, want, bytes))
                fail_msg("%d x %d x %d, options %d, differs with %s", m, n, k, options,
                         simd_set_name((enum simd_set)set));
        }
    free(start);
    free(want);
    free_product(&g);
}

static void test_all_remainders(void **state)
{
    (void)state;
    random_state = 1;
    for (int m = 1; m <= 27; m++)
        for (int n = 1; n <= 67; n += n < 35 ? 1 : 4)
            check_product(m, n, 1 + (m + n) % 9, (int)random_bits() % OPTIONS);
}

static void test_all_options(void **state)
{
    (void)state;
    random_state = 2;
    for (int options = 0; options < OPTIONS; options++) {
        check_product(13, 37, 7, options);
        check_product(25, 64, 3, options);
    }
}

// Longer than a block in each direction, with every kind of operands; and without any step.
static void test_blocks(void **state)
{
    (void)state;
    random_state = 3;
    static const int size[][3] = {{3, 5, 0},      {40, 33, 640}, {26, 32, 641},
                                  {27, 48, 1281}, {485, 17, 20}, {30, 800, 4}};
    for (size_t s = 0; s < sizeof size / sizeof *size; s++)
        for (int options = 0; options < RELU; options++)
            if (!(options & ADD && options & BIAS))
                check_product(size[s][0], size[s][1], size[s][2], options | (options & 1 ? RELU : 0));
}

static void test_special_values(void **state)
{
    (void)state;
    const float a[] = {1, 1, 1, 1}, b[] = {NAN, -0.0f, INFINITY, -INFINITY};
    for (int set = 0; set < SIMD_SETS; set++)
        if (simd_set_use((enum simd_set)set)) {
            float c[4];
            const float bias[] = {0, -0.0f, 0, 0};
            struct gemm g = {.m = 1,
                             .n = 4,
                             .k = 1,
                             .a = a,
                             .lda = 1,
                             .b = b,
                             .ldb = 4,
                             .c = c,
                             .ldc = 4,
                             .bias = bias,
                             .relu = true};
            gemm_fp32_multiply(&g);
            assert_true(isnan(c[0]));
            assert_true(c[1] == 0 && signbit(c[1])); // ReLU leaves -0
            assert_true(c[2] == INFINITY && c[3] == 0 && !signbit(c[3]));
        }
}

// ---- sums ----

static float naive_dot(const float *x, const float *y, int count)
{
    float part[16] = {0};
    for (int i = 0; i < count; i++)
        part[i % 16] = fmaf(x[i], y[i], part[i % 16]);
    for (int parts = 8; parts > 0; parts /= 2)
        for (int l = 0; l < parts; l++)
            part[l] += part[l + parts];
    return part[0];
}

static double naive_sum(const float *x, const float *y, int count)
{
    double part[16] = {0};
    for (int i = 0; i < count; i++)
        part[i % 16] += y ? (double)x[i] * (double)y[i] : (double)x[i];
    for (int parts = 8; parts > 0; parts /= 2)
        for (int l = 0; l < parts; l++)
            part[l] += part[l + parts];
    return part[0];
}

static void test_sums(void **state)
{
    (void)state;
    random_state = 4;
    enum { LONGEST = 133 };
    float *x = filled(LONGEST), *y = filled(LONGEST);
    for (int count = 0; count <= LONGEST; count++)
        for (int set = 0; set < SIMD_SETS; set++)
            if (simd_set_use((enum simd_set)set)) {
                assert_true(sums_dot(x, y, (size_t)count) == naive_dot(x, y, count));
                assert_true(sums_total(x, (size_t)count) == naive_sum(x, NULL, count));
                assert_true(sums_dot_double(x, y, (size_t)count) == naive_sum(x, y, count));
            }
    free(x);
    free(y);
}

static void test_absent_set_is_refused(void **state)
{
    (void)state;
    enum simd_set before = simd_set_current();
#if defined(__x86_64__)
    assert_false(simd_set_use(SIMD_SET_NEON));
#else
    assert_false(simd_set_use(SIMD_SET_AVX2));
#endif
    assert_int_equal(simd_set_current(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_remainders), cmocka_unit_test(test_all_options),
        cmocka_unit_test(test_blocks),         cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_sums),           cmocka_unit_test(test_absent_set_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
