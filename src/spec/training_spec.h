/* How a run learns, described: settings, cost and state, no arithmetic. */
#ifndef SPEC_TRAINING_SPEC_H
#define SPEC_TRAINING_SPEC_H

#include "base/reals.h"
#include "spec/model_spec.h"
#include "spec/task_spec.h"

#include <stdint.h>

enum optimizer_kind { OPTIMIZER_ADAM, OPTIMIZER_MUON };
enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_COSINE };

/* What a trained model is asked at its run's end, beside what it was trained for. */
struct extra_evaluations {
    int inputs;              // a bit for each of enum task_inputs but the first
    struct widths set_sizes; // equations of a set
    struct reals noise;      // on y, beside the standard deviation of y
    int direct_fit;          // generators that gradient descent fits, for comparison
};

struct training {
    int64_t seed;
    int64_t steps;
    int batch;  // generators a step
    int shards; // a power of two that divides the batch
    enum optimizer_kind optimizer;
    double learning_rate;
    enum schedule_kind schedule;
    int64_t warmup_steps;
    int64_t evaluate_every;    // steps between two evaluations
    int evaluation_generators; // held-out generators of one evaluation
    struct extra_evaluations extra;
};

/* Five Newton-Schulz iterations for every hidden matrix; 0 for adam. FLOPs a step. */
double training_optimizer_flops(enum optimizer_kind optimizer, const struct tensor_table *table);

/* Gradient vectors that a rank with so many shards needs at once. */
int training_gradients(int shards);

/* Floats that muon's operand of so many numbers takes beside the numbers. */
size_t training_muon_operand_floats(size_t count, enum precision precision);

/* Floats that an optimizer needs to work in: muon, for its largest matrix. */
size_t training_optimizer_floats(enum optimizer_kind optimizer, enum precision precision,
                                 const struct tensor_table *table);

/* How many of a rank's shards, both powers of two, best go through the model together. */
int training_shards_together(const struct training *training, const struct model_spec *model,
                             const struct task_spec *task, int shards);

/* Bytes of what a checkpoint of the run holds. */
size_t training_state_bytes(const struct tensor_table *table);

/* Bytes a rank needs for a run: parameters, moments, gradients of the shard tree, workspace, batch,
 * evaluation. */
size_t training_memory_bytes(const struct training *training, const struct model_spec *model,
                             const struct task_spec *task);

/* Points of a run's curves: one every evaluate_every steps and one at the last. */
int64_t training_points(const struct training *training);

#endif
