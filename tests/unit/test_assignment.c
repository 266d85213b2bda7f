// The optimal assignment against every permutation, and where it is known.
#include "kernel/assignment.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST = 7, LARGE = 200 };

// A sequence of its own, so that a failure can be repeated: numbers in [0, 1).
static double next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

static double total(const double *cost, int n, const int *column_of)
{
    double sum = 0;
    for (int row = 0; row < n; row++)
        sum += cost[row * n + column_of[row]];
    return sum;
}

static void expect_permutation(const int *column_of, int n)
{
    bool *taken = memory_small((size_t)n * sizeof *taken);
    for (int row = 0; row < n; row++) {
        assert_in_range(column_of[row], 0, n - 1);
        assert_false(taken[column_of[row]]);
        taken[column_of[row]] = true;
    }
    free(taken);
}

// The least total over all permutations of the columns from `row` on.
static double least(const double *cost, int n, int row, int *columns)
{
    if (row == n)
        return 0;
    double best = 1e300;
    for (int i = row; i < n; i++) {
        int swap = columns[row];
        columns[row] = columns[i];
        columns[i] = swap;
        double sum = cost[row * n + columns[row]] + least(cost, n, row + 1, columns);
        best = sum < best ? sum : best;
        columns[i] = columns[row];
        columns[row] = swap;
    }
    return best;
}

static void solve(const double *cost, int n, int *column_of)
{
    void *work = memory_small(assignment_work_bytes(n));
    assignment_solve(cost, n, column_of, work);
    expect_permutation(column_of, n);
    free(work);
}

static void test_against_every_permutation(void **state)
{
    (void)state;
    static const double rounding = 1e-12;
    uint64_t random = 1;
    for (int n = 1; n <= MOST; n++)
        for (int trial = 0; trial < 40; trial++) {
            double cost[MOST * MOST];
            int column_of[MOST], columns[MOST] = {0, 1, 2, 3, 4, 5, 6};
            for (int i = 0; i < n * n; i++) // small integers make ties, negative ones are as good as any
                cost[i] = trial % 2 ? next(&random) - 0.5 : (double)(int)(4 * next(&random)) - 2;
            solve(cost, n, column_of);
            assert_true(total(cost, n, column_of) < least(cost, n, 0, columns) + rounding);
        }
}

// Costs that are 0 on a permutation and above 0 elsewhere have that one alone.
static void test_a_hidden_permutation(void **state)
{
    (void)state;
    uint64_t random = 2;
    double *cost = memory_small(LARGE * LARGE * sizeof *cost);
    int hidden[LARGE], column_of[LARGE];
    for (int i = 0; i < LARGE; i++) {
        int j = (int)((i + 1) * next(&random));
        hidden[i] = hidden[j];
        hidden[j] = i;
    }
    for (int row = 0; row < LARGE; row++)
        for (int j = 0; j < LARGE; j++)
            cost[row * LARGE + j] = j == hidden[row] ? 0 : 0.01 + next(&random);
    solve(cost, LARGE, column_of);
    assert_memory_equal(column_of, hidden, sizeof hidden);
    free(cost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_every_permutation),
        cmocka_unit_test(test_a_hidden_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
