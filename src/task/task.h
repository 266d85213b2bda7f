/* What is to be learned: batches, loss and score.
 *
 * Every batch draws fresh generators, fresh inputs and fresh probes from (seed, purpose, step, generator index): the
 * same numbers on whichever rank and in whatever company they are made. */
#ifndef TASK_TASK_H
#define TASK_TASK_H

#include "base/status.h"
#include "task/description.h"

#include <stdint.h>

struct task;

/* Which generators: those of a training step, or the held-out ones of every evaluation. */
enum task_part { TASK_TRAIN, TASK_HELD_OUT };

/* One held-out generator, over its probes. */
struct task_score {
    double squared_error; // mean of (prediction - y)^2
    double mean;          // mean of y
    double mean_square;   // mean of y^2
};
enum { TASK_SCORE_NUMBERS = sizeof(struct task_score) / sizeof(double) };

/* Room for batches of up to `sets` generators. STATUS_MEMORY. */
enum status task_create(const struct task_description *description, int sets, struct task **task);
void task_destroy(struct task **task);

/* Makes the generators first .. first + sets - 1 of `step` (0 for TASK_HELD_OUT) the current batch. */
void task_fill(struct task *task, enum task_part part, int64_t seed, int64_t step, int64_t first, int sets);

/* The current batch as the model sees it.  [sets, n, d + 1] */
const float *task_pairs(const struct task *task);

/* The functional loss of predicted weights: the sum over the generators of the mean squared error on the probes;
 * output_gradient = `scale` times its gradient.  output, output_gradient [sets, unknowns] */
double task_loss(struct task *task, const float *output, float scale, float *output_gradient);

/* score [sets] */
void task_scores(struct task *task, const float *output, struct task_score *score);

#endif
