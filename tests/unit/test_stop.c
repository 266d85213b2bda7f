// Signals set the wish to stop, and come on a stack of their own.
#include "base/stop.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

// Signal handlers run on a stack of their own: kernels of oneDNN use the stack register for heap addresses,
// and a signal frame there would overwrite data.
static void test_own_stack(void **state)
{
    (void)state;
    stack_t stack;
    stop_catch_signals(INFINITY);
    assert_int_equal(sigaltstack(NULL, &stack), 0);
    assert_int_equal(stack.ss_flags & SS_DISABLE, 0);
    assert_true(stack.ss_size >= 32 * 1024);
    const int signals[] = {SIGTERM, SIGINT, SIGUSR1};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action;
        assert_int_equal(sigaction(signals[i], NULL, &action), 0);
        assert_true(action.sa_flags & SA_ONSTACK);
        assert_true(action.sa_flags & SA_RESTART);
    }
    assert_false(stop_requested());
}

// With a limit of 100 s, 10 s are the margin, and the longest poll (40 s) and save (49.9 s) leave a fraction
// of a second.
static void test_time_limit(void **state)
{
    (void)state;
    struct timespec pause = {.tv_nsec = 1000000};
    stop_catch_signals(100);
    stop_record_poll(40);
    stop_record_poll(1);
    stop_record_save(49.9);
    assert_false(stop_requested());
    for (int i = 0; i < 10000 && !stop_requested(); i++)
        nanosleep(&pause, NULL);
    assert_true(stop_requested());
    struct sigaction action;
    assert_int_equal(sigaction(SIGALRM, NULL, &action), 0);
    assert_true(action.sa_flags & SA_ONSTACK);
}

// A requested stop cannot be undone, so this test is the last one.
static void test_signal(void **state)
{
    (void)state;
    stop_catch_signals(INFINITY);
    raise(SIGUSR1);
    assert_true(stop_requested());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_own_stack), cmocka_unit_test(test_time_limit),
                                       cmocka_unit_test(test_signal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
