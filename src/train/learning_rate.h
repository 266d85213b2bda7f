/* The learning rate as a function of the step. */
#ifndef TRAIN_LEARNING_RATE_H
#define TRAIN_LEARNING_RATE_H

#include "spec/training_spec.h"

/* Of step s, counted from 0: learning_rate * min(1, (s + 1) / warmup_steps), for cosine times (1 + cos(pi s /
 * steps)) / 2. */
double learning_rate_at(const struct training *training, int64_t step);

#endif
