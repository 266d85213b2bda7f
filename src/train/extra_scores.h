/* What a trained model is asked at its run's end (train/further.h), answered. */
#ifndef TRAIN_EXTRA_SCORES_H
#define TRAIN_EXTRA_SCORES_H

#include "base/status.h"
#include "spec/extra_evaluations.h"
#include "train/held_out.h"
#include "train/train.h"

/* scores [FURTHER_SCORES_MOST], the same on every rank of held_out's group: those of extra_evaluations_list,
 * one after the other, NaN where not defined. *left: a rank left before the end, and the scores are
 * undefined. Collective on the group. STATUS_MEMORY on every rank if one has none.  parameters
 * [table->parameters] */
enum status extra_scores_compute(const struct train_run *run, const struct held_out *held_out,
                                 const float *parameters, double *scores, bool *left);

#endif
