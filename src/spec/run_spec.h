/* One run of a sweep: every setting resolved. */
#ifndef SPEC_RUN_SPEC_H
#define SPEC_RUN_SPEC_H

#include "spec/model_spec.h"
#include "spec/task_spec.h"
#include "spec/training_spec.h"

/* Predicted cost of a run. */
struct run_cost {
    int64_t parameters;
    double flops_per_step; // model and optimizer
    double flops;          // all steps and evaluations
    double final_flops;    // the part of `flops` that the final evaluation takes
    double fit_flops;      // the part of `final_flops` that fits of single sets take, in double
    int64_t model_bytes;
    int64_t checkpoint_bytes; // both slots of the results file
    int64_t memory_bytes;     // per rank
};

struct run_spec {
    char id[13]; // a letter from a to f and 11 hex digits: hash of the canonical text of all settings that
                 // differ from their defaults
    int unknowns;
    double equation_ratio;
    struct task_spec task;
    struct model_spec model;
    struct training training;
    struct run_cost cost; // in a sweep
};

/* Predicted cost of a run, from its settings alone. */
struct run_cost run_cost(const struct run_spec *run);

/* FLOPs that are left of a run after `steps_done` steps, its final evaluation included. */
double run_flops_left(const struct run_spec *run, int64_t steps_done);

#endif
