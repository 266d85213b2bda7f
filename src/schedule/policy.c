#include "schedule/policy.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>

const struct policy_network policy_network = {.latency_seconds = 5e-6, .bytes_per_second = 4e9};

const double policy_report_seconds = 0.5;

// A group is doubled only if its predicted time falls below `max_time_ratio` of the present time, since
// predictions are inexact, and by more than `min_saving_seconds`, since joining a group costs some
// milliseconds.
static const double max_time_ratio = 0.9, min_saving_seconds = 0.05;

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

double policy_step_seconds(const struct policy_run *run, const struct policy_network *network, int ranks)
{
    double levels = 0, bytes = 0;
    for (int size = 1; size < ranks; size *= 2) {
        levels++;
        bytes += run->bytes / size; // half the slice in each direction; every level halves the slice
    }
    // Messages per level: losses, reduction of the gradient, distribution of the sum.
    return run->step_seconds / ranks + 3 * levels * network->latency_seconds +
           bytes / network->bytes_per_second;
}

struct candidate {
    double seconds; // remaining time of the run with its present ranks
    double doubled; // remaining time with twice the ranks
};

static struct candidate candidate_of(const struct policy_run *run, const struct policy_network *network,
                                     int size)
{
    return (struct candidate){run->steps * policy_step_seconds(run, network, size),
                              run->steps * policy_step_seconds(run, network, 2 * size)};
}

static bool may_double(const struct policy_run *run, const struct candidate *candidate, int size, int spare,
                       double min_saving)
{
    return size > 0 && size <= spare && 2 * size <= run->max_ranks &&
           candidate->doubled < max_time_ratio * candidate->seconds &&
           candidate->seconds - candidate->doubled > min_saving;
}

// min_saving: seconds that each doubling must save
static void share(const struct policy_run *run, int runs, const struct policy_network *network, int spare,
                  double min_saving, int *size)
{
    struct candidate *candidate = memory_small((size_t)runs * sizeof *candidate);
    for (int i = 0; i < runs; i++)
        if (size[i] > 0)
            candidate[i] = candidate_of(&run[i], network, size[i]);
    while (spare > 0) {
        int longest = -1;
        for (int i = 0; i < runs; i++)
            if (may_double(&run[i], &candidate[i], size[i], spare, min_saving) &&
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
    share(run, runs, network, spare, min_saving_seconds, size);
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
