// Least squares where the answer is known by hand, and by what marks it: the normal equations, and the least
// norm.
#include "kernel/least_squares.h"

#include "base/memory.h"
#include "kernel/gemm.h"
#include "kernel/simd_set.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double rounding = 1e-10;

static double *copy(const double *from, int count)
{
    double *to = memory_small((size_t)count * sizeof *to);
    memcpy(to, from, (size_t)count * sizeof *to);
    return to;
}

// y [right_sides columns of max(rows, unknowns)] becomes w; x is kept.
static void solve(const double *x, double *y, int rows, int unknowns, int right_sides)
{
    double *scratch = copy(x, rows * unknowns);
    double *work = memory_small(least_squares_work(rows, unknowns) * sizeof *work);
    least_squares(scratch, y, rows, unknowns, right_sides, work);
    free(work);
    free(scratch);
}

static void expect(const double *got, const double *want, int count)
{
    for (int i = 0; i < count; i++)
        assert_true(fabs(got[i] - want[i]) < rounding);
}

// A line through (0, 1), (1, 2), (2, 4): intercept 5/6, slope 3/2. Two right sides, the second exact: 3 - 2
// t.
static void test_more_rows_than_unknowns(void **state)
{
    (void)state;
    const double x[] = {1, 1, 1, 0, 1, 2};
    double y[] = {1, 2, 4, 3, 1, -1};
    solve(x, y, 3, 2, 2);
    expect(y, (double[]){5.0 / 6, 1.5}, 2);
    expect(y + 3, (double[]){3, -2}, 2);
}

// a + 2 b = 5: of all answers (1, 2) is the shortest.
static void test_fewer_rows_than_unknowns(void **state)
{
    (void)state;
    const double x[] = {1, 2};
    double y[] = {5, 0};
    solve(x, y, 1, 2, 1);
    expect(y, (double[]){1, 2}, 2);
}

// Two equal columns share what one alone would get.
static void test_dependent_columns(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 1, 2, 3};
    double y[] = {2, 4, 6};
    solve(x, y, 3, 2, 1);
    expect(y, (double[]){1, 1}, 2);
}

static void test_zero_matrix(void **state)
{
    (void)state;
    const double x[] = {0, 0, 0, 0};
    double y[] = {1, 2};
    solve(x, y, 2, 2, 1);
    expect(y, (double[]){0, 0}, 2);
}

// The residual is orthogonal to every column, and all instruction sets compute the same bits.
static void test_normal_equations(void **state)
{
    (void)state;
    enum { ROWS = 150, UNKNOWNS = 100 };
    uint64_t random = 1;
    double *x = memory_small(ROWS * UNKNOWNS * sizeof *x), y[ROWS], start[ROWS], w[ROWS];
    for (int i = 0; i < ROWS * UNKNOWNS + ROWS; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        *(i < ROWS * UNKNOWNS ? &x[i] : &y[i - ROWS * UNKNOWNS]) = (double)(random >> 11) * 0x1p-52 - 1;
    }
    memcpy(start, y, sizeof start);
    memcpy(w, y, sizeof w);
    solve(x, w, ROWS, UNKNOWNS, 1);
    for (int j = 0; j < UNKNOWNS; j++)
        for (int i = 0; i < ROWS; i++)
            y[i] -= x[j * ROWS + i] * w[j];
    for (int j = 0; j < UNKNOWNS; j++) {
        double product = 0;
        for (int i = 0; i < ROWS; i++)
            product += x[j * ROWS + i] * y[i];
        assert_true(fabs(product) < rounding);
    }
    for (int set = 0; set < SIMD_SETS; set++) {
        double again[ROWS];
        if (!simd_set_use((enum simd_set)set))
            continue;
        memcpy(again, start, sizeof again);
        solve(x, again, ROWS, UNKNOWNS, 1);
        assert_memory_equal(again, w, sizeof w);
    }
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_rows_than_unknowns), cmocka_unit_test(test_fewer_rows_than_unknowns),
        cmocka_unit_test(test_dependent_columns),       cmocka_unit_test(test_zero_matrix),
        cmocka_unit_test(test_normal_equations),
    };
    gemm_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
