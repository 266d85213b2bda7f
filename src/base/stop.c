#include "base/stop.h"

#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

static volatile sig_atomic_t requested;

static void on_signal(int number)
{
    (void)number;
    requested = 1;
}

void stop_catch_signals(double time_limit)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    if (time_limit > 0) {
        sigaction(SIGALRM, &action, NULL);
        long whole = (long)time_limit;
        struct itimerval timer = {.it_value = {whole, (long)((time_limit - (double)whole) * 1e6) + 1}};
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
