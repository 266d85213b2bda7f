// clang-format off
/* Batches, losses and scores of the tasks.
 *
 * Every batch draws new generators, inputs and probes as a function of (seed, purpose, step, generator
 * index): a generator is the same on any rank and in any batch that holds it.
 *
 *                   input of the model     output      loss                          score
 *   mlp-forward     one probe x, weights   y           error of y                    as the loss
 *   linear-inverse  n pairs                weights     error of the weights          as the loss
 *   mlp-inverse     n pairs                weights     functional: error of y at     functional, for
 *                                                      eval_points probes, of        both objectives
 *                                                      predicted and true weights;
 *                                                      weights: error of the weights
 *
 * An error is the mean square per generator, over points and outputs or over weights. */
// clang-format on
#ifndef TASK_TASK_H
#define TASK_TASK_H

#include "base/status.h"
#include "spec/task_spec.h"

#include <stdint.h>

struct task;

/* The generators of a training step, or the held-out generators of every evaluation. */
enum task_part { TASK_TRAIN, TASK_HELD_OUT };

/* Means over the scored values of one held-out generator: y on its probes, or its weights. evaluate_r2
 * computes the variance over the scored values of all held-out generators from them. */
struct task_score {
    double squared_error; // mean of (prediction - truth)^2
    double mean;          // mean of the truth
    double mean_square;   // mean of its square
};
enum { TASK_SCORE_VALUES = sizeof(struct task_score) / sizeof(double) };

/* Allocates buffers for batches of at most `sets` generators. STATUS_MEMORY. */
enum status task_create(const struct task_spec *spec, int sets, struct task **task);
void task_destroy(struct task **task);

/* Draws the current batch: generators first to first + sets - 1 of `step` (0 for TASK_HELD_OUT). */
void task_fill(struct task *task, enum task_part part, int64_t seed, int64_t step, int64_t first, int sets);

/* Model input of the current batch: [sets, n, pair width] with pairs [x1..xd, y1..yo]; for mlp-forward one
 * row [x1..xd, weights] per set. */
const float *task_pairs(const struct task *task);

/* Equations per set of the current batch, the same for all batches of a step. */
int task_equations(const struct task *task);

/* True weights of the current batch: weight k of generator i is at [k * stride + i]. */
const float *task_weights(const struct task *task, int *stride);

/* Computes the loss of each shard, summed over its `shard_sets` generators, and `scale` times the gradient.
 * The batch holds whole shards.  loss [sets / shard_sets], output, output_gradient [sets, task_outputs] */
void task_loss(struct task *task, const float *output, float scale, int shard_sets, double *loss,
               float *output_gradient);

/* Scores the model's output for the current batch.  output [sets, task_outputs], score [sets] */
void task_scores(struct task *task, const float *output, struct task_score *score);

/* Evaluation inputs of the current batch: element k of set i is at [k * stride + i].  [points d, stride] */
const float *task_probes(const struct task *task, int *stride);

/* Scores outputs y that a fit or a regression predicts for set `set` of an mlp-inverse batch at its
 * evaluation inputs.  y [points, o] */
void task_score_outputs(const struct task *task, int set, const double *y, struct task_score *score);

#endif
