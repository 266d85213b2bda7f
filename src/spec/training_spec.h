/* Description of training: settings, costs and sizes. src/train computes with it. */
#ifndef SPEC_TRAINING_SPEC_H
#define SPEC_TRAINING_SPEC_H

#include "base/reals.h"
#include "spec/model_spec.h"
#include "spec/task_spec.h"

#include <stdint.h>

enum optimizer_kind { OPTIMIZER_ADAM, OPTIMIZER_MUON };
enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_COSINE };

/* Settings of the extra evaluations of a trained model at the end of its run. */
struct extra_evaluations {
    int inputs;              // bit i: enum task_inputs i
    struct widths set_sizes; // equations per set
    struct reals noise;      // standard deviation of the noise on y, relative to that of y
    int direct_fit;          // held-out generators that are fitted one by one for comparison
    int fit_starts;          // random starts per fit
    int fit_iterations;      // Levenberg-Marquardt iterations per start
    struct widths refine;    // iterations from the model's prediction
};

struct training {
    int64_t seed;
    int64_t steps;
    int batch;  // generators per step
    int shards; // micro-batches per batch: a power of two that divides it; also the max number of ranks
    enum optimizer_kind optimizer;
    double learning_rate;
    enum schedule_kind schedule;
    int64_t warmup_steps;
    int64_t evaluate_every;    // steps between two evaluations
    int evaluation_generators; // held-out generators of one evaluation
    struct extra_evaluations extra;
};

struct run_spec; // run_spec.h

/* FLOPs per step: five Newton-Schulz iterations per hidden matrix with muon, 0 with adam. */
double training_optimizer_flops(enum optimizer_kind optimizer, const struct tensor_table *table);

/* Gradient vectors that a rank with `shards` shards holds at once. */
int training_gradients(int shards);

/* Floats of muon's rounded copy of `count` elements; 0 in fp32. */
size_t training_muon_operand_floats(size_t count, enum precision precision);

/* Floats of an optimizer's scratch: muon's is sized by its largest matrix. */
size_t training_optimizer_floats(enum optimizer_kind optimizer, enum precision precision,
                                 const struct tensor_table *table);

/* How many of a rank's `shards` shards, both powers of two, go through the model together. */
int training_shards_together(const struct run_spec *run, int shards);

/* Bytes of one checkpoint of a run. */
size_t training_state_bytes(const struct tensor_table *table);

/* Bytes per rank while a run trains: parameters, moments, gradients of the shard tree, workspace, batch,
 * evaluation. */
size_t training_memory_bytes(const struct run_spec *run);

/* Points of a run's curves: one per evaluate_every steps and one at the last step. */
int64_t training_points(const struct training *training);

#endif
