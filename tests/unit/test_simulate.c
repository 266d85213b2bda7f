// A sweep on paper: the scheduler state and the policy, with computed time.
#include "schedule/simulate.h"

#include "reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static const struct policy_network ideal = {0, INFINITY};

static struct policy_run run_of(double seconds, int max_ranks)
{
    return (struct policy_run){.steps = 100, .step_seconds = seconds / 100, .max_ranks = max_ranks};
}

static double seconds_of(const struct policy_run *run, int64_t runs, int ranks, int group)
{
    struct simulation simulation;
    simulate(run, runs, &ideal, ranks, group, false, &simulation);
    assert_null(simulation.interval);
    assert_true(simulation.seconds >= simulation.bound_seconds * (1 - 1e-9));
    return simulation.seconds;
}

static void assert_nearly(double a, double b)
{
    if (fabs(a - b) > 1e-9 * fabs(b))
        fail_msg("%.12g is not %.12g", a, b);
}

static void test_by_hand(void **state)
{
    (void)state;
    const struct policy_run run[] = {run_of(10, 16), run_of(60, 16), run_of(20, 16)};
    assert_nearly(seconds_of(run, 3, 1, 0), 90);
    assert_nearly(seconds_of(run, 3, 2, 0), 45); // 60 | 20, 10, then both ranks: the remaining 30 s take 15 s
    assert_nearly(seconds_of(run, 3, 3, 0),
                  35); // at 10 s both others have ended: the remaining 50 s take 25 s on two ranks
    assert_nearly(seconds_of(run, 3, 2, 1), 60); // groups of fixed size
    assert_nearly(seconds_of(run, 3, 4, 2), 30); // 60/2 | 20/2, 10/2
    assert_nearly(seconds_of(run, 3, 48, 0), 60. / 16);
    assert_nearly(seconds_of(run, 0, 4, 0), 0);
    const struct policy_run rigid[] = {run_of(60, 1), run_of(1, 1)};
    assert_nearly(seconds_of(rigid, 2, 8, 0), 60);
}

// No rank does two things at once, and every step of every run is done once, by a group of a power of two.
static void test_intervals(void **state)
{
    (void)state;
    enum { RUNS = 40, RANKS = 13 };
    struct policy_run run[RUNS];
    float drawn[RUNS];
    reference_fill(drawn, RUNS, 3);
    for (int i = 0; i < RUNS; i++)
        run[i] = run_of(1 + 20 * fabs((double)drawn[i]), 8);
    struct simulation simulation;
    simulate(run, RUNS, &policy_network, RANKS, 0, true, &simulation);
    double until[RANKS] = {0}, done[RUNS] = {0}, busy = 0;
    int moved = 0;
    for (double now = 0; now < simulation.seconds + 1;) { // in the order they began
        const struct timeline_interval *next = NULL;
        for (int64_t i = 0; i < simulation.intervals; i++) {
            struct timeline_interval *interval = &simulation.interval[i];
            if (interval->ranks > 0 && (!next || interval->start_seconds < next->start_seconds))
                next = interval;
        }
        if (!next)
            break;
        now = next->start_seconds;
        int size = 0;
        for (int64_t i = 0; i < simulation.intervals; i++) {
            struct timeline_interval *interval = &simulation.interval[i];
            if (interval->run != next->run || interval->start_seconds != now || interval->ranks == 0)
                continue;
            for (int rank = interval->first_rank; rank < interval->first_rank + interval->ranks; rank++) {
                assert_in_range(rank, 0, RANKS - 1);
                assert_true(until[rank] <= now + 1e-9);
                until[rank] = interval->end_seconds;
            }
            size += interval->ranks;
            assert_true(fabs(interval->from_step - done[next->run]) < 1e-6);
            busy += interval->ranks * (interval->end_seconds - now);
            if (interval != next)
                interval->ranks = 0; // counted
        }
        assert_true(size <= 8 && (size & (size - 1)) == 0);
        moved += next->from_step > 0;
        done[next->run] = next->to_step;
        ((struct timeline_interval *)next)->ranks = 0;
    }
    for (int i = 0; i < RUNS; i++)
        assert_nearly(done[i], 100);
    assert_true(moved > 0 && busy <= RANKS * simulation.seconds);
    simulate_free(&simulation);
}

// Costs from 1 to 20 on thousands of ranks: close to what no schedule can beat, and quick to tell.
static void test_large(void **state)
{
    (void)state;
    enum { RUNS = 20000 };
    static const int ranks[] = {64, 512, 4096, 10000};
    struct policy_run *run = calloc(RUNS, sizeof *run);
    float *drawn = calloc(RUNS, sizeof *drawn);
    reference_fill(drawn, RUNS, 7);
    for (int i = 0; i < RUNS; i++)
        run[i] = (struct policy_run){.steps = 30000,
                                     .step_seconds = 0.005 * (1 + fmod(7 * fabs((double)drawn[i]), 19)),
                                     .bytes = 540e3,
                                     .max_ranks = 16};
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        struct simulation simulation;
        clock_t begin = clock();
        simulate(run, RUNS, &policy_network, ranks[i], 0, false, &simulation);
        print_message("%d ranks: %.4g s, bound %.4g s, ratio %.4f, simulated in %.2f s\n", ranks[i],
                      simulation.seconds, simulation.bound_seconds,
                      simulation.seconds / simulation.bound_seconds,
                      (double)(clock() - begin) / CLOCKS_PER_SEC);
        assert_true(simulation.seconds < 1.05 * simulation.bound_seconds);
    }
    free(drawn);
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
