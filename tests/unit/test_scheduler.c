// The scheduler state: measured speeds correct the estimates, and decide which group is extended.
#include "schedule/scheduler.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { RUNS = 3, RANKS = 3 };

static const struct policy_network ideal = {0, INFINITY};

// Runs 0, 1 and 2 of 100, 90 and 10 steps of 1 s on ranks 0, 1 and 2; run 2 has ended, and rank 2 is free.
static struct scheduler *with_a_free_rank(void)
{
    static const int64_t todo[RUNS] = {0, 1, 2};
    static const struct policy_run run[RUNS] = {{100, 1, 0, 4}, {90, 1, 0, 4}, {10, 1, 0, 4}};
    struct scheduler *scheduler;
    const struct scheduler_order *orders;
    scheduler_create(run, RUNS, todo, RUNS, &ideal, RANKS, 0, &scheduler);
    assert_int_equal(scheduler_decide(scheduler, 0, &orders), RUNS);
    for (int i = 0; i < RUNS; i++) {
        assert_int_equal(orders[i].run, i);
        assert_int_equal(orders[i].size, 1);
        assert_int_equal(orders[i].already, 0);
    }
    scheduler_finished(scheduler, 2);
    assert_int_equal(scheduler_free_ranks(scheduler), 1);
    return scheduler;
}

static void expect_extension(struct scheduler *scheduler, int64_t run, int already)
{
    const struct scheduler_order *orders;
    assert_int_equal(scheduler_decide(scheduler, 0, &orders), 1);
    assert_int_equal(orders[0].run, run);
    assert_int_equal(orders[0].already, already);
    assert_int_equal(orders[0].size, 2 * already);
    assert_int_equal(orders[0].ranks[0], run); // the leader stays
}

static void test_estimated_longest_run_is_extended(void **state)
{
    (void)state;
    struct scheduler *scheduler = with_a_free_rank();
    expect_extension(scheduler, 0, 1);
    scheduler_destroy(&scheduler);
}

// Run 0 takes half the estimated time. So would run 1, which is not measured yet: run 0 still ends last.
static void test_measured_speed_corrects_unmeasured_runs(void **state)
{
    (void)state;
    struct scheduler *scheduler = with_a_free_rank();
    scheduler_progress(scheduler, 0, 0, 100, 0.5);
    assert_true(scheduler_end(scheduler, 0) == 50);
    expect_extension(scheduler, 0, 1);
    scheduler_destroy(&scheduler);
}

static void test_measured_runs_keep_their_speed(void **state)
{
    (void)state;
    struct scheduler *scheduler = with_a_free_rank();
    scheduler_progress(scheduler, 0, 0, 100, 0.5);
    scheduler_progress(scheduler, 1, 0, 90, 1);
    expect_extension(scheduler, 1, 1);
    scheduler_destroy(&scheduler);
}

static void test_progress_without_measurement_changes_steps_only(void **state)
{
    (void)state;
    struct scheduler *scheduler = with_a_free_rank();
    scheduler_progress(scheduler, 0, 20, 60, 0);
    assert_true(scheduler_end(scheduler, 0) == 80);
    scheduler_destroy(&scheduler);
}

// Two ranks of one run; each step sends messages that cost 0.25 s or more.
static void test_messages_are_no_computation(void **state)
{
    (void)state;
    static const int64_t todo = 0;
    static const struct policy_network slow = {0.125, INFINITY};
    struct policy_run run = {100, 4, 0, 4};
    struct scheduler *scheduler;
    const struct scheduler_order *orders;
    scheduler_create(&run, 1, &todo, 1, &slow, 2, 2, &scheduler);
    assert_int_equal(scheduler_decide(scheduler, 0, &orders), 1);
    double messages = policy_step_seconds(&run, &slow, 2) - run.step_seconds / 2;
    assert_true(messages > 0);
    scheduler_progress(scheduler, 0, 10, 50, messages + 1);
    assert_true(fabs(scheduler_end(scheduler, 0) - (10 + 50 * (messages + 1))) < 1e-9);
    scheduler_progress(scheduler, 0, 20, 40,
                       messages / 2); // faster than its messages: a tenth is computation
    assert_true(fabs(scheduler_end(scheduler, 0) - (20 + 40 * (messages + messages / 20))) < 1e-9);
    scheduler_destroy(&scheduler);
}

// Returns whether run 0, measured on one rank and again on two, is extended to four free ranks.
static bool extends_twice(double one_rank, double two_ranks)
{
    enum { ALL = 4 };
    static const int64_t todo[ALL] = {0, 1, 2, 3};
    static const struct policy_run run[ALL] = {{100, 1, 0, 4}, {50, 1, 0, 1}, {40, 1, 0, 1}, {10, 1, 0, 1}};
    struct scheduler *scheduler;
    const struct scheduler_order *orders;
    scheduler_create(run, ALL, todo, ALL, &ideal, ALL, 0, &scheduler);
    assert_int_equal(scheduler_decide(scheduler, 0, &orders), ALL);
    scheduler_progress(scheduler, 0, 0, 100, one_rank);
    scheduler_finished(scheduler, 3);
    expect_extension(scheduler, 0, 1);
    scheduler_extended(scheduler, 0, true, 0);
    scheduler_progress(scheduler, 0, 1, 90, two_ranks);
    scheduler_finished(scheduler, 1);
    scheduler_finished(scheduler, 2);
    int count = scheduler_decide(scheduler, 1, &orders);
    if (count > 0)
        assert_int_equal(orders[0].size, 4);
    scheduler_destroy(&scheduler);
    return count > 0;
}

static void test_doubling_without_gain_is_the_last(void **state)
{
    (void)state;
    assert_true(extends_twice(1, 0.6));
    assert_false(extends_twice(1, 0.95));
}

static void test_refused_extension_frees_ranks_and_is_not_repeated(void **state)
{
    (void)state;
    struct scheduler *scheduler = with_a_free_rank();
    const struct scheduler_order *orders;
    const int *ranks;
    assert_int_equal(scheduler_decide(scheduler, 0, &orders), 1);
    assert_int_equal(scheduler_free_ranks(scheduler), 0);
    scheduler_extended(scheduler, 0, false, 1);
    assert_int_equal(scheduler_free_ranks(scheduler), 1);
    assert_int_equal(scheduler_group(scheduler, 0, &ranks), 1);
    assert_int_equal(scheduler_decide(scheduler, 1, &orders), 1);
    assert_int_equal(orders[0].run, 1);
    scheduler_destroy(&scheduler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_estimated_longest_run_is_extended),
        cmocka_unit_test(test_measured_speed_corrects_unmeasured_runs),
        cmocka_unit_test(test_measured_runs_keep_their_speed),
        cmocka_unit_test(test_progress_without_measurement_changes_steps_only),
        cmocka_unit_test(test_messages_are_no_computation),
        cmocka_unit_test(test_doubling_without_gain_is_the_last),
        cmocka_unit_test(test_refused_extension_frees_ranks_and_is_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
