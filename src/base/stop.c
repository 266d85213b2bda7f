#include "base/stop.h"

#include "base/clock.h"

#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

static const double max_timer = 1e8; // seconds: three years
static const double max_margin = 10; // seconds to write the last rows and to end the ranks and their launcher

static volatile sig_atomic_t requested;
static double end = INFINITY;             // time limit, on clock_seconds()
static double margin, max_poll, max_save; // seconds

static void on_signal(int number)
{
    (void)number;
    requested = 1;
}

// Installs a separate stack for signals. oneDNN's kernels use the stack pointer as a general register that
// points into the heap, where a signal frame would overwrite data.
static void set_signal_stack(void)
{
    static _Alignas(64) char stack[64 * 1024]; // a frame with all vector and tile registers has 11 KiB
    const stack_t signal_stack = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&signal_stack, NULL);
}

static void set_timer(void)
{
    if (isinf(end))
        return;
    double seconds = end - clock_seconds() - margin - max_poll - max_save;
    seconds = seconds < max_timer ? seconds : max_timer;
    struct itimerval timer = {.it_value.tv_usec = 1}; // 0 would disarm the timer
    if (seconds > 1e-6) {
        timer.it_value.tv_sec = (time_t)seconds;
        timer.it_value.tv_usec = (suseconds_t)((seconds - floor(seconds)) * 1e6);
    }
    setitimer(ITIMER_REAL, &timer, NULL);
}

// nohup ignores SIGHUP. It is asked before the libraries start, since UCX, of Open MPI 5, sets a handler of
// its own.
static bool ignores_hangup;

static void record_hangup(void)
{
    struct sigaction inherited;
    ignores_hangup = sigaction(SIGHUP, NULL, &inherited) == 0 && inherited.sa_handler == SIG_IGN;
}

__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(void) = record_hangup;

void stop_catch_signals(double time_left)
{
    set_signal_stack();
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    struct sigaction hangup = action;
    if (ignores_hangup)
        hangup.sa_handler = SIG_IGN;
    sigaction(SIGHUP, &hangup, NULL);
    signal(SIGPIPE, SIG_IGN); // the end of a process that reads the output does not end the training
    end = clock_seconds() + time_left;
    margin = time_left / 5 < max_margin ? time_left / 5 : max_margin;
    set_timer();
}

static void update_max(double *max, double seconds)
{
    if (seconds <= *max)
        return;
    *max = seconds;
    set_timer();
}

void stop_record_poll(double seconds)
{
    update_max(&max_poll, seconds);
}

void stop_record_save(double seconds)
{
    update_max(&max_save, seconds);
}

void stop_request(void)
{
    requested = 1;
}

bool stop_requested(void)
{
    return requested != 0;
}
