/* The learning rate as a function of the step. */
#ifndef TRAIN_LEARNING_RATE_H
#define TRAIN_LEARNING_RATE_H

#include "spec/training_spec.h"

/* The learning rate at step s, counted from 0: learning_rate * min(1, (s + 1) / warmup_steps), times
 * (1 + cos(pi s / steps)) / 2 for schedule cosine. */
double learning_rate_at(const struct training *training, int64_t step);

#endif
