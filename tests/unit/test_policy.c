// Who gets how many ranks: examples, and what must hold for any queue.
#include "schedule/policy.h"

#include "reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

enum { QUEUE_MAX = 12, RANKS_MAX = 70, CHOOSE = 0 };

static void expect_sizes(const struct policy_run *queue, int queued, int free_ranks, int group, int count,
                         const int *want)
{
    int size[QUEUE_MAX];
    assert_int_equal(policy_start(queue, queued, free_ranks, group, size), count);
    for (int i = 0; i < count; i++)
        assert_int_equal(size[i], want[i]);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    const struct policy_run run = {1, 16};
    expect_sizes(NULL, 0, 4, CHOOSE, 0, NULL);
    expect_sizes(NULL, 0, 4, 2, 0, NULL);
    expect_sizes(&run, 1, 0, CHOOSE, 0, NULL);
    expect_sizes(&run, 1, 1, 2, 0, NULL);
}

static void test_fixed_groups(void **state)
{
    (void)state;
    const struct policy_run queue[] = {{4, 16}, {3, 16}, {2, 2}, {1, 16}};
    expect_sizes(queue, 4, 7, 1, 4, (int[]){1, 1, 1, 1});
    expect_sizes(queue, 4, 7, 2, 3, (int[]){2, 2, 2});
    expect_sizes(queue, 4, 10, 4, 3, (int[]){4, 4, 2}); // no more than a run can use
    expect_sizes(queue, 4, 7, 8, 0, NULL);
}

static void test_one_rank_a_run_while_runs_are_plenty(void **state)
{
    (void)state;
    const struct policy_run queue[] = {{9, 16}, {3, 16}, {1, 16}};
    expect_sizes(queue, 3, 2, CHOOSE, 2, (int[]){1, 1});
    expect_sizes(queue, 3, 3, CHOOSE, 3, (int[]){1, 1, 1});
}

static void test_shared_out_by_cost(void **state)
{
    (void)state;
    const struct policy_run equal[] = {{1, 16}, {1, 16}}, unequal[] = {{4, 16}, {1, 16}};
    expect_sizes(equal, 1, 7, CHOOSE, 1, (int[]){4}); // a prime number of ranks
    expect_sizes(equal, 2, 7, CHOOSE, 2, (int[]){4, 2});
    expect_sizes(equal, 2, 8, CHOOSE, 2, (int[]){4, 4});
    expect_sizes(unequal, 2, 5, CHOOSE, 2, (int[]){4, 1});
    expect_sizes(unequal, 2, 64, CHOOSE, 2, (int[]){16, 16}); // more ranks than useful
}

static bool power_of_two(int n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

// Any queue of a few runs, costs falling, on any number of ranks.
static void test_any_queue(void **state)
{
    (void)state;
    for (int64_t trial = 0; trial < 3000; trial++) {
        float drawn[QUEUE_MAX + 2];
        struct policy_run queue[QUEUE_MAX];
        int size[QUEUE_MAX], used = 0;
        reference_fill(drawn, QUEUE_MAX + 2, trial);
        int queued = 1 + (int)(drawn[0] * drawn[0] * 4) % QUEUE_MAX,
            free_ranks = 1 + (int)(trial % RANKS_MAX);
        double cost = 1000;
        for (int i = 0; i < queued; i++) {
            queue[i] = (struct policy_run){cost, 1 << (int)(drawn[i + 1] * drawn[i + 1] * 3) % 6};
            cost /= 1 + (double)(drawn[i + 2] * drawn[i + 2]);
        }
        int started = policy_start(queue, queued, free_ranks, CHOOSE, size);
        assert_int_equal(started, queued < free_ranks ? queued : free_ranks);
        for (int i = 0; i < started; i++) {
            assert_true(power_of_two(size[i]) && size[i] <= queue[i].max_ranks);
            used += size[i];
        }
        assert_true(used <= free_ranks);
        for (int i = 0; i < started; i++) {
            // Nobody could still grow with the ranks that stay free,
            assert_true(size[i] > free_ranks - used || 2 * size[i] > queue[i].max_ranks);
            // and nobody was given a second half that a slower run needed more.
            for (int j = 0; j < started && size[i] > 1; j++)
                if (2 * size[j] <= queue[j].max_ranks && size[j] <= size[i] / 2)
                    assert_true(queue[i].cost / (size[i] / 2) >= queue[j].cost / size[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_fixed_groups),
        cmocka_unit_test(test_one_rank_a_run_while_runs_are_plenty),
        cmocka_unit_test(test_shared_out_by_cost),
        cmocka_unit_test(test_any_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
