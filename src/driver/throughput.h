/* How fast this machine is, as it was measured before: by `bench --format json`, or by the finished runs of a
 * results file. */
#ifndef DRIVER_THROUGHPUT_H
#define DRIVER_THROUGHPUT_H

#include "schedule/policy.h"
#include "spec/run_spec.h"

/* What one core made of steps of one kind. Kinds are called as in the results file's columns; "" where it is
 * not said. */
struct rate {
    char model[16], pooling[16], precision[8], optimizer[8];
    double flops;            // of a step
    double flops_per_second; // of one rank
    bool all;                // the optimizer's FLOPs are among them, not the needed ones alone
};

struct throughputs {
    int count;
    struct rate *rate;             // [count]
    struct policy_network network; // of groups
};

/* Reads the file; NULL: what is assumed where nothing was measured. STATUS_USAGE with a sentence if it is
 * neither. The caller frees the rates. */
enum status throughput_read(const char *path, struct throughputs *throughputs);
void throughput_free(struct throughputs *throughputs);

/* What is left of a run after `steps_done` steps, evaluations included, at the rate of the steps that are
 * most like its own. */
struct policy_run throughput_estimate(const struct throughputs *throughputs, const struct run_spec *run,
                                      const struct run_cost *cost, int64_t steps_done);

/* FLOP/s of one rank, where nothing was measured. */
extern const double throughput_assumed;

#endif
