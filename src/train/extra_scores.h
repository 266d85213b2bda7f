/* Scores of the extra evaluations at the end of a run (spec/extra_evaluations.h). */
#ifndef TRAIN_EXTRA_SCORES_H
#define TRAIN_EXTRA_SCORES_H

#include "base/status.h"
#include "spec/extra_evaluations.h"
#include "train/held_out.h"
#include "train/train.h"

/* Computes the scores of extra_evaluations_list, concatenated, NaN where an evaluation is not defined. The
 * scores are the same on every rank of held_out's group. *stopped = true: a rank stopped, and the scores are
 * undefined. Collective on the group. STATUS_MEMORY on every rank if any rank has no memory. parameters
 * [parameters of the model], scores [EXTRA_SCORES_MAX] */
enum status extra_scores_compute(const struct run_spec *run, const struct held_out *held_out,
                                 const float *parameters, double *scores, bool *stopped);

#endif
