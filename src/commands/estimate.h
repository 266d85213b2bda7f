/* How long a run will take: from its FLOPs and a rate. */
#ifndef COMMANDS_ESTIMATE_H
#define COMMANDS_ESTIMATE_H

#include "schedule/policy.h"
#include "sweep/run_spec.h"

/* FLOP/s of one core: what is assumed where nothing was measured. */
extern const double estimate_default_rate;

/* What is left of a run after `steps_done` steps at this rate, evaluations included. */
struct policy_run estimate_run(const struct run_spec *run, const struct run_cost *cost, int64_t steps_done,
                               double flops_per_second);

#endif
