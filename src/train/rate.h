/* The learning rate as a function of the step. */
#ifndef TRAIN_RATE_H
#define TRAIN_RATE_H

#include "train/description.h"

/* Of step s, counted from 0: learning_rate * min(1, (s + 1) / warmup_steps), for cosine times (1 + cos(pi s / steps)) / 2. */
double rate_at(const struct training *training, int64_t step);

#endif
