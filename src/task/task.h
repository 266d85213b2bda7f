// clang-format off
/* What is to be learned: batches, loss and score.
 *
 * Every batch draws fresh generators, fresh inputs and fresh probes from (seed, purpose, step, generator
 * index): the same elements on any rank and in any composition of the batch.
 *
 *                   what the model sees        what it predicts     loss                            score
 *   mlp-forward     one probe x, weights       y                    error of y                      the same
 *   linear-inverse  n pairs                    weights              error of the weights            the same
 *   mlp-inverse     n pairs                    weights              functional: error of y, of      functional,
 *                                                                   predicted against true          whatever the
 *                                                                   weights, on eval_points         objective
 *                                                                   probes; or error of the weights
 *
 * An error is the mean square over a generator's numbers (points and outputs, or weights). */
// clang-format on
#ifndef TASK_TASK_H
#define TASK_TASK_H

#include "base/status.h"
#include "spec/task_spec.h"

#include <stdint.h>

struct task;

/* Which generators: those of a training step, or the held-out ones of every evaluation. */
enum task_part { TASK_TRAIN, TASK_HELD_OUT };

/* One held-out generator, over what is scored of it: y on its probes, or its weights. R^2 = 1 - mean squared
 * error / variance, the variance over all numbers of all held-out generators, so it needs no formula for
 * Var(y), whatever the generators. */
struct task_score {
    double squared_error; // mean of (prediction - truth)^2
    double mean;          // mean of the truth
    double mean_square;   // mean of its square
};
enum { TASK_SCORE_VALUES = sizeof(struct task_score) / sizeof(double) };

/* Room for batches of up to `sets` generators. STATUS_MEMORY. */
enum status task_create(const struct task_spec *description, int sets, struct task **task);
void task_destroy(struct task **task);

/* Makes the generators first .. first + sets - 1 of `step` (0 for TASK_HELD_OUT) the current batch. */
void task_fill(struct task *task, enum task_part part, int64_t seed, int64_t step, int64_t first, int sets);

/* The current batch as the model sees it: [sets, n, pair width], a pair being [x1..xd, y1..yo]; for
 * mlp-forward one row [x1..xd, weights] a set. */
const float *task_pairs(const struct task *task);

/* n: the same for all sets of the batch and for all batches of a step. */
int task_equations(const struct task *task);

/* The true weights of the current batch: number k of generator i is at [k * stride + i]. */
const float *task_weights(const struct task *task, int *stride);

/* The sums of the loss over each `each` generators of the batch, which are a multiple of them, and `scale`
 * times the gradient. loss [sets / each], output, output_gradient [sets, task_outputs] */
void task_loss(struct task *task, const float *output, float scale, int each, double *loss,
               float *output_gradient);

/* score [sets] */
void task_scores(struct task *task, const float *output, struct task_score *score);

#endif
