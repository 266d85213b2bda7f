#include "schedule/policy.h"

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int start_fixed(const struct policy_run *queue, int queued, int free_ranks, int group, int *size)
{
    int started = 0;
    for (; started < queued; started++) {
        size[started] = smaller(group, queue[started].max_ranks);
        if (size[started] > free_ranks)
            break;
        free_ranks -= size[started];
    }
    return started;
}

// The run that would take longest with the ranks it has and can still take as many again; -1 if there is none.
static int slowest(const struct policy_run *queue, int started, const int *size, int spare)
{
    int best = -1;
    for (int i = 0; i < started; i++) {
        if (size[i] > spare || 2 * size[i] > queue[i].max_ranks)
            continue;
        if (best < 0 || queue[i].cost / size[i] > queue[best].cost / size[best])
            best = i;
    }
    return best;
}

int policy_start(const struct policy_run *queue, int queued, int free_ranks, int group, int *size)
{
    if (group > 0)
        return start_fixed(queue, queued, free_ranks, group, size);
    int started = smaller(queued, free_ranks);
    for (int i = 0; i < started; i++)
        size[i] = 1;
    int spare = free_ranks - started;
    for (int run; spare > 0 && (run = slowest(queue, started, size, spare)) >= 0;) {
        spare -= size[run];
        size[run] *= 2;
    }
    return started;
}
