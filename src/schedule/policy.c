#include "schedule/policy.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>

const struct policy_network policy_network = {.latency_seconds = 5e-6, .bytes_per_second = 4e9};

const double policy_report_seconds = 0.5;

// A larger group has to be that much faster: the model is only a model. And moving ranks costs some
// milliseconds.
static const double worthwhile = 0.9, moving_seconds = 0.05;

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

double policy_step_seconds(const struct policy_run *run, const struct policy_network *network, int ranks)
{
    double levels = 0, bytes = 0;
    for (int size = 1; size < ranks; size *= 2) {
        levels++;
        bytes += run->bytes / size; // half the slice there, and back: the tree halves it at every level
    }
    // Losses, the gradient's sum and its way back: a message each at every level.
    return run->step_seconds / ranks + 3 * levels * network->latency_seconds +
           bytes / network->bytes_per_second;
}

struct candidate {
    double seconds; // left with the ranks it has
    double doubled; // and with as many again
};

static struct candidate candidate_of(const struct policy_run *run, const struct policy_network *network,
                                     int size)
{
    return (struct candidate){run->steps * policy_step_seconds(run, network, size),
                              run->steps * policy_step_seconds(run, network, 2 * size)};
}

static bool may_double(const struct policy_run *run, const struct candidate *candidate, int size, int spare,
                       double cost)
{
    return size > 0 && size <= spare && 2 * size <= run->max_ranks &&
           candidate->doubled < worthwhile * candidate->seconds &&
           candidate->seconds - candidate->doubled > cost;
}

// cost: seconds that a doubling has to save at least
static void share(const struct policy_run *run, int runs, const struct policy_network *network, int spare,
                  double cost, int *size)
{
    struct candidate *candidate = memory_small((size_t)runs * sizeof *candidate);
    for (int i = 0; i < runs; i++)
        if (size[i] > 0)
            candidate[i] = candidate_of(&run[i], network, size[i]);
    while (spare > 0) {
        int longest = -1;
        for (int i = 0; i < runs; i++)
            if (may_double(&run[i], &candidate[i], size[i], spare, cost) &&
                (longest < 0 || candidate[i].seconds > candidate[longest].seconds))
                longest = i;
        if (longest < 0)
            break;
        spare -= size[longest];
        size[longest] *= 2;
        candidate[longest] = candidate_of(&run[longest], network, size[longest]);
    }
    free(candidate);
}

void policy_share(const struct policy_run *run, int runs, const struct policy_network *network, int spare,
                  int *size)
{
    share(run, runs, network, spare, moving_seconds, size);
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

int policy_start(const struct policy_run *queue, int queued, const struct policy_network *network,
                 int free_ranks, int group, int *size)
{
    if (group > 0)
        return start_fixed(queue, queued, free_ranks, group, size);
    int started = smaller(queued, free_ranks);
    for (int i = 0; i < started; i++)
        size[i] = 1;
    share(queue, started, network, free_ranks - started, 0, size);
    return started;
}
