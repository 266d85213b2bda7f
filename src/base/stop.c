#include "base/stop.h"

#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

// Of a time limit, in seconds: three years.
#define LONGEST 1e8

static volatile sig_atomic_t requested;

static void on_signal(int number)
{
    (void)number;
    requested = 1;
}

// oneDNN's kernels use the stack pointer as a register that points into the heap: a signal that came meanwhile would
// leave its frame there, over whatever lies below. So signals have a stack of their own.
static void use_own_stack(void)
{
    static _Alignas(64) char stack[64 * 1024]; // a frame holds all vector and tile registers, 11 KiB
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&own, NULL);
}

void stop_catch_signals(double time_limit)
{
    use_own_stack();
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    if (time_limit > 0) {
        sigaction(SIGALRM, &action, NULL);
        double seconds = time_limit < LONGEST ? time_limit : LONGEST;
        struct itimerval timer = {.it_value.tv_sec = (time_t)seconds};
        timer.it_value.tv_usec = (suseconds_t)((seconds - (double)timer.it_value.tv_sec) * 1e6);
        if (seconds < 1e-6)
            timer.it_value.tv_usec = 1; // 0 would mean never
        setitimer(ITIMER_REAL, &timer, NULL);
    }
}

void stop_request(void)
{
    requested = 1;
}

bool stop_requested(void)
{
    return requested != 0;
}
