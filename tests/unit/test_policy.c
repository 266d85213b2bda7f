// Ranks per group: examples, and properties that hold for any queue.
#include "schedule/policy.h"

#include "reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { QUEUE_MAX = 12, RANKS_MAX = 70, CHOOSE = 0 };

// Messages that cost nothing, so that halves are halves.
static const struct policy_network ideal = {0, INFINITY};

static struct policy_run run_of(double seconds, int max_ranks)
{
    return (struct policy_run){.steps = 1000, .step_seconds = seconds / 1000, .max_ranks = max_ranks};
}

static void expect_sizes(const struct policy_run *queue, int queued, int free_ranks, int group, int count,
                         const int *want)
{
    int size[QUEUE_MAX];
    assert_int_equal(policy_start(queue, queued, &ideal, free_ranks, group, size), count);
    for (int i = 0; i < count; i++)
        assert_int_equal(size[i], want[i]);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    const struct policy_run run = run_of(1, 16);
    expect_sizes(NULL, 0, 4, CHOOSE, 0, NULL);
    expect_sizes(NULL, 0, 4, 2, 0, NULL);
    expect_sizes(&run, 1, 0, CHOOSE, 0, NULL);
    expect_sizes(&run, 1, 1, 2, 0, NULL);
}

static void test_fixed_groups(void **state)
{
    (void)state;
    const struct policy_run queue[] = {run_of(4, 16), run_of(3, 16), run_of(2, 2), run_of(1, 16)};
    expect_sizes(queue, 4, 7, 1, 4, (int[]){1, 1, 1, 1});
    expect_sizes(queue, 4, 7, 2, 3, (int[]){2, 2, 2});
    expect_sizes(queue, 4, 10, 4, 3, (int[]){4, 4, 2}); // no more than a run can use
    expect_sizes(queue, 4, 7, 8, 0, NULL);
}

static void test_one_rank_per_run_while_the_queue_is_long(void **state)
{
    (void)state;
    const struct policy_run queue[] = {run_of(9, 16), run_of(3, 16), run_of(1, 16)};
    expect_sizes(queue, 3, 2, CHOOSE, 2, (int[]){1, 1});
    expect_sizes(queue, 3, 3, CHOOSE, 3, (int[]){1, 1, 1});
}

static void test_ranks_are_distributed_by_cost(void **state)
{
    (void)state;
    const struct policy_run equal[] = {run_of(10, 16), run_of(10, 16)},
                            unequal[] = {run_of(40, 16), run_of(10, 16)};
    expect_sizes(equal, 1, 7, CHOOSE, 1, (int[]){4}); // a prime number of ranks
    expect_sizes(equal, 2, 7, CHOOSE, 2, (int[]){4, 2});
    expect_sizes(equal, 2, 8, CHOOSE, 2, (int[]){4, 4});
    expect_sizes(unequal, 2, 5, CHOOSE, 2, (int[]){4, 1});
    expect_sizes(unequal, 2, 64, CHOOSE, 2, (int[]){16, 16}); // more ranks than useful
}

static double left(const struct policy_run *run)
{
    return run->steps * run->step_seconds;
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
        double cost = 1e5;
        for (int i = 0; i < queued; i++) {
            queue[i] = run_of(cost, 1 << (int)(drawn[i + 1] * drawn[i + 1] * 3) % 6);
            cost /= 1 + (double)(drawn[i + 2] * drawn[i + 2]);
        }
        int started = policy_start(queue, queued, &ideal, free_ranks, CHOOSE, size);
        assert_int_equal(started, queued < free_ranks ? queued : free_ranks);
        for (int i = 0; i < started; i++) {
            assert_true(power_of_two(size[i]) && size[i] <= queue[i].max_ranks);
            used += size[i];
        }
        assert_true(used <= free_ranks);
        for (int i = 0; i < started; i++) {
            // No group could be extended by the ranks that stay free,
            assert_true(size[i] > free_ranks - used || 2 * size[i] > queue[i].max_ranks);
            // and no group got ranks that a slower run needed more.
            for (int j = 0; j < started && size[i] > 1; j++)
                if (2 * size[j] <= queue[j].max_ranks && size[j] <= size[i] / 2)
                    assert_true(left(&queue[i]) / (size[i] / 2) >= left(&queue[j]) / size[j] * (1 - 1e-9));
        }
    }
}

// ---- growth of groups that work already ----

static void expect_growth(const struct policy_run *run, int runs, const struct policy_network *network,
                          int spare, const int *has, const int *want)
{
    int size[QUEUE_MAX];
    memcpy(size, has, (size_t)runs * sizeof *size);
    policy_share(run, runs, network, spare, size);
    for (int i = 0; i < runs; i++)
        assert_int_equal(size[i], want[i]);
}

static void test_longest_run_is_extended_first(void **state)
{
    (void)state;
    const struct policy_run run[] = {run_of(30, 16), run_of(100, 16), run_of(20, 16)};
    expect_growth(run, 3, &ideal, 1, (int[]){1, 1, 1}, (int[]){1, 2, 1});
    expect_growth(run, 3, &ideal, 3, (int[]){1, 1, 1}, (int[]){1, 4, 1}); // 30, 25, 20
    expect_growth(run, 3, &ideal, 4, (int[]){1, 1, 1}, (int[]){2, 4, 1});
    expect_growth(run, 3, &ideal, 3, (int[]){1, 4, 2}, (int[]){4, 4, 2}); // four for the second are not there
    expect_growth(run, 3, &ideal, 9, (int[]){1, 0, 1}, (int[]){4, 0, 4}); // the second is growing already
    expect_growth(run, 3, &ideal, 99, (int[]){16, 16, 8}, (int[]){16, 16, 16});
    expect_growth(run, 3, &ideal, 0, (int[]){1, 1, 1}, (int[]){1, 1, 1});
    expect_growth(run, 0, &ideal, 5, (int[]){0}, (int[]){0});
}

// A step of 1 ms and 4 MB of gradients at 4 GB/s: 1 ms for the first doubling, 0.5 ms for the next.
static void test_no_group_is_extended_if_it_gets_slower(void **state)
{
    (void)state;
    const struct policy_network network = {0, 4e9};
    struct policy_run run = {.steps = 1e5, .step_seconds = 1e-3, .bytes = 4e6, .max_ranks = 16};
    assert_true(fabs(policy_step_seconds(&run, &network, 1) - 1e-3) < 1e-9);
    assert_true(fabs(policy_step_seconds(&run, &network, 2) - 1.5e-3) < 1e-9);
    assert_true(fabs(policy_step_seconds(&run, &network, 4) - 1.75e-3) < 1e-9);
    expect_growth(&run, 1, &network, 15, (int[]){1}, (int[]){1});
    run.step_seconds = 3.6e-3;
    expect_growth(&run, 1, &network, 15, (int[]){1},
                  (int[]){4}); // 3.6, 2.8, 2.4, and 2.2 would be no tenth less
    const struct policy_network slow = {.latency_seconds = 1e-3, .bytes_per_second = INFINITY};
    run.step_seconds = 5e-3; // 5, 5.5
    expect_growth(&run, 1, &slow, 15, (int[]){1}, (int[]){1});
}

static void test_no_rank_moves_in_last_seconds(void **state)
{
    (void)state;
    const struct policy_run run = run_of(0.05, 16);
    expect_growth(&run, 1, &ideal, 15, (int[]){1}, (int[]){1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_fixed_groups),
        cmocka_unit_test(test_one_rank_per_run_while_the_queue_is_long),
        cmocka_unit_test(test_ranks_are_distributed_by_cost),
        cmocka_unit_test(test_any_queue),
        cmocka_unit_test(test_longest_run_is_extended_first),
        cmocka_unit_test(test_no_group_is_extended_if_it_gets_slower),
        cmocka_unit_test(test_no_rank_moves_in_last_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
