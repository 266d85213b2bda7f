// A policy that moves ranks at random moments, in the place of schedule/policy.c: the numbers must not
// notice. The environment variable RESTLESS seeds it.
#include "schedule/policy.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

const struct policy_network policy_network = {0, INFINITY};
const double policy_report_seconds = 0.002;

// True once in n times.
static bool once_in(int n)
{
    static uint64_t state;
    if (state == 0)
        state = (uint64_t)atoll(getenv("RESTLESS") ? getenv("RESTLESS") : "0") * 2 + 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % (uint64_t)n == 0;
}

double policy_step_seconds(const struct policy_run *run, const struct policy_network *network, int ranks)
{
    (void)network;
    return run->step_seconds / ranks;
}

void policy_share(const struct policy_run *run, int runs, const struct policy_network *network, int spare,
                  int *size)
{
    (void)network;
    for (int i = 0; i < runs; i++)
        while (size[i] > 0 && size[i] <= spare && 2 * size[i] <= run[i].max_ranks && once_in(20)) {
            spare -= size[i];
            size[i] *= 2;
        }
}

int policy_start(const struct policy_run *queue, int queued, const struct policy_network *network,
                 int free_ranks, int group, int *size)
{
    (void)queue, (void)network, (void)group;
    static int all; // ranks: they are free at first
    all = free_ranks > all ? free_ranks : all;
    bool idle = free_ranks == all; // then no rank would ask again
    int started = 0;
    for (; started < queued && started < free_ranks && (once_in(4) || (idle && started == 0)); started++)
        size[started] = 1;
    return started;
}
