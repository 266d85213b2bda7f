#include "base/stop.h"

#include "base/clock.h"

#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

static const double timer_longest = 1e8; // seconds: three years
static const double margin_longest = 10; // for the last rows, the end of the ranks and of their launcher

static volatile sig_atomic_t requested;
static double end = INFINITY; // on clock_seconds()
static double margin, longest_look, longest_saving;

static void on_signal(int number)
{
    (void)number;
    requested = 1;
}

// oneDNN's kernels use the stack pointer as a register that points into the heap: a signal that came
// meanwhile would leave its frame there, over whatever lies below. So signals have a stack of their own.
static void use_own_stack(void)
{
    static _Alignas(64) char stack[64 * 1024]; // a frame holds all vector and tile registers, 11 KiB
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&own, NULL);
}

static void set_timer(void)
{
    if (isinf(end))
        return;
    double seconds = end - clock_seconds() - margin - longest_look - longest_saving;
    seconds = seconds < timer_longest ? seconds : timer_longest;
    struct itimerval timer = {.it_value.tv_usec = 1}; // 0 would mean never
    if (seconds > 1e-6) {
        timer.it_value.tv_sec = (time_t)seconds;
        timer.it_value.tv_usec = (suseconds_t)((seconds - floor(seconds)) * 1e6);
    }
    setitimer(ITIMER_REAL, &timer, NULL);
}

// A process that nohup started ignores SIGHUP, and goes on doing so.
static void catch_hangup(const struct sigaction *action)
{
    struct sigaction inherited;
    if (sigaction(SIGHUP, NULL, &inherited) == 0 && inherited.sa_handler != SIG_IGN)
        sigaction(SIGHUP, action, NULL);
}

void stop_catch_signals(double time_left)
{
    use_own_stack();
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    catch_hangup(&action);
    signal(SIGPIPE, SIG_IGN); // a reader of our output that ends does not end the training
    end = clock_seconds() + time_left;
    margin = time_left / 5 < margin_longest ? time_left / 5 : margin_longest;
    set_timer();
}

static void keep_longest(double *longest, double seconds)
{
    if (seconds <= *longest)
        return;
    *longest = seconds;
    set_timer();
}

void stop_record_poll(double seconds)
{
    keep_longest(&longest_look, seconds);
}

void stop_record_save(double seconds)
{
    keep_longest(&longest_saving, seconds);
}

void stop_request(void)
{
    requested = 1;
}

bool stop_requested(void)
{
    return requested != 0;
}
