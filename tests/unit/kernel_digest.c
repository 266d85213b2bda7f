/* Prints digests of what the portable kernels compute, one line per instruction set and kernel: "AVX2 gemm
 * 0123456789abcdef". They are the same with every compiler, optimization level and processor
 * (test_kernel_bits.py). */
#include "kernel/batched.h"
#include "kernel/gemm_fp32.h"
#include "kernel/least_squares.h"
#include "kernel/math.h"
#include "kernel/sums.h"
#include "simd_arrays.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 1 << 15 };

static float a[SIZE], b[SIZE], c[SIZE], packed[SIZE];

static uint64_t hash(uint64_t before, const void *bytes, size_t count)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < count; i++)
        before = (before ^ byte[i]) * UINT64_C(0x100000001b3); // FNV-1a
    return before;
}

static const uint64_t empty = UINT64_C(0xcbf29ce484222325);

// Numbers of many sizes, the same everywhere: 24 bits and an exponent of a congruential sequence.
static void fill(float *x, int spread)
{
    uint64_t state = 1;
    for (int i = 0; i < SIZE; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int32_t digits = (int32_t)(state >> 40) - (1 << 23);
        x[i] = ldexpf((float)digits, (int)(state >> 32 & 0xff) % spread - spread / 2 - 23);
    }
}

static uint64_t gemm_digest(void)
{
    static const int size[][3] = {{45, 64, 128}, {3, 40, 600}, {50, 33, 330}, {64, 15, 7}};
    uint64_t digest = empty;
    fill(a, 12);
    fill(b, 12);
    for (int s = 0; s < 4; s++)
        for (int kind = 0; kind < 4; kind++) {
            int m = size[s][0], n = size[s][1], k = size[s][2];
            struct gemm g = {.m = m,
                             .n = n,
                             .k = k,
                             .ldc = n,
                             .a = a,
                             .b = b,
                             .c = c,
                             .bias = kind == 1 ? a : NULL,
                             .add = kind == 2,
                             .relu = kind == 1};
            g.a_transposed = kind == 2;
            g.b_transposed = kind == 3;
            g.lda = g.a_transposed ? m : k;
            g.ldb = g.b_transposed ? k : n;
            if (kind == 0) {
                gemm_fp32_pack(packed, b, n, k, n, false);
                g.packed = packed;
            }
            gemm_fp32_multiply(&g);
            digest = hash(digest, c, (size_t)(m * n) * sizeof *c);
        }
    return digest;
}

static uint64_t sums_digest(void)
{
    fill(a, 30);
    fill(b, 30);
    double sums[] = {(double)sums_dot(a, b, SIZE - 3), sums_total(a, SIZE - 3),
                     sums_dot_double(a, b, SIZE - 3)};
    return hash(empty, sums, sizeof sums);
}

static uint64_t simd_math_digest(void)
{
    uint64_t digest = empty;
    fill(a, 14);
    for (int f = 0; f < SIMD_FUNCTIONS; f++) {
        for (int i = 0; i < SIZE; i++)
            b[i] = f == SIMD_LOG || f == SIMD_SQRT ? fabsf(a[i]) : a[i]; // no NaN, whose bits may differ
        simd_arrays((enum simd_function)f, c, b, SIZE);
        digest = hash(digest, c, sizeof c);
    }
    return digest;
}

// Doubles of many sizes, in the first elements of `to`.
static void fill_doubles(double *to, int count)
{
    fill(a, 12);
    for (int i = 0; i < count; i++)
        to[i] = (double)a[i] * 1.1;
}

// More rows than unknowns, fewer, and dependent columns.
static uint64_t least_squares_digest(void)
{
    static const int size[][2] = {{45, 15}, {9, 21}, {13, 13}};
    static double x[45 * 21], y[2 * 45], work[45 * 45];
    uint64_t digest = empty;
    for (int s = 0; s < 3; s++) {
        int rows = size[s][0], unknowns = size[s][1];
        fill_doubles(x, rows * unknowns);
        fill_doubles(y, 2 * 45);
        if (s == 2)
            memcpy(x, x + rows, (size_t)rows * sizeof *x);
        least_squares(x, y, rows, unknowns, 2, work);
        digest = hash(digest, y, (size_t)unknowns * sizeof *y);
    }
    return digest;
}

static uint64_t batched_digest(void)
{
    enum { ROWS = 40, N = 19 };
    static double x[ROWS * N * BATCHED], gram[N * (N + 1) / 2 * BATCHED], v[ROWS * BATCHED], y[N * BATCHED];
    const struct batched_matrix matrix = {
        .x = x, .rows = ROWS, .columns = N, .row_stride = N, .column_stride = 1};
    fill_doubles(x, ROWS * N * BATCHED);
    fill_doubles(v, ROWS * BATCHED);
    memset(gram, 0, sizeof gram);
    memset(y, 0, sizeof y);
    batched_add_gram(&matrix, gram);
    batched_add_product(&matrix, v, y);
    batched_cholesky(gram, N);
    batched_solve(gram, N, y);
    return hash(hash(empty, gram, sizeof gram), y, sizeof y);
}

static uint64_t math_digest(void)
{
    uint64_t digest = empty;
    fill(a, 14);
    for (int i = 0; i < SIZE; i++) {
        double x = (double)a[i] * 1.1;
        double y[] = {math_exp(x),
                      math_log(fabs(x)),
                      math_sin(x),
                      math_cos(x),
                      math_tanh(x),
                      math_erf(x),
                      math_power(x, (uint64_t)i % 40)};
        digest = hash(digest, y, sizeof y);
    }
    return digest;
}

int main(void)
{
    for (int set = 0; set < SIMD_SETS; set++)
        if (simd_set_use((enum simd_set)set)) {
            const char *name = simd_set_name((enum simd_set)set);
            printf("%s gemm %016llx\n", name, (unsigned long long)gemm_digest());
            printf("%s sums %016llx\n", name, (unsigned long long)sums_digest());
            printf("%s least_squares %016llx\n", name, (unsigned long long)least_squares_digest());
            printf("%s batched %016llx\n", name, (unsigned long long)batched_digest());
            printf("%s simd_math %016llx\n", name, (unsigned long long)simd_math_digest());
        }
    printf("C math %016llx\n", (unsigned long long)math_digest());
    return 0;
}
