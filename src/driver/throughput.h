/* Measured throughput of a machine, from `bench --format json` or from the finished runs of a results file.
 */
#ifndef DRIVER_THROUGHPUT_H
#define DRIVER_THROUGHPUT_H

#include "schedule/policy.h"
#include "spec/run_spec.h"

/* Throughput of one kind of training step on one core. The names are those of the results file's columns, ""
 * if unknown. */
struct throughput {
    char model[16], pooling[64], precision[8], optimizer[8];
    double flops;            // FLOPs per step
    double flops_per_second; // per rank
    bool all;                // FLOPs include those of the optimizer
};

struct throughputs {
    int count;
    struct throughput *step;       // [count]
    struct policy_network network; // between the ranks of a group
};

/* Reads the file. NULL: sets the assumed throughput. STATUS_USAGE if the file is neither output of `bench`
 * nor a results file with finished runs. The caller frees it with throughput_free. */
enum status throughput_read(const char *path, struct throughputs *throughputs);
void throughput_free(struct throughputs *throughputs);

/* Estimates the remaining work of a run after `steps_done` steps, evaluations included, by the throughput of
 * the most similar measured steps. */
struct policy_run throughput_estimate(const struct throughputs *throughputs, const struct run_spec *run,
                                      int64_t steps_done);

/* Predicted seconds that are left of a run after `steps_done` steps, its final evaluation included, on one
 * rank with the assumed throughput. */
double throughput_seconds_left(const struct run_spec *run, int64_t steps_done);

/* The same for a run that begins, as two parts: seconds of the training and of the final evaluation. */
void throughput_parts(const struct run_spec *run, double *training, double *final);

/* FLOP/s per rank if nothing was measured. */
extern const double throughput_assumed;

#endif
