#include "commands/estimate.h"

const double estimate_default_rate = 80e9;

struct policy_run estimate_run(const struct run_spec *run, const struct run_cost *cost, int64_t steps_done,
                               double flops_per_second)
{
    double steps = (double)run->training.steps;
    return (struct policy_run){.steps = steps - (double)steps_done,
                               .step_seconds = cost->flops / steps / flops_per_second,
                               .bytes = (double)cost->parameters * sizeof(float),
                               .most_ranks = run->training.shards};
}
