/* What a trained model is asked at its run's end beside R^2 as it was trained, described: which questions,
 * which columns their answers make, and what they cost; no arithmetic. */
#ifndef SPEC_EXTRA_EVALUATIONS_H
#define SPEC_EXTRA_EVALUATIONS_H

#include "spec/training_spec.h"

#include <stdbool.h>

enum extra_evaluation_kind {
    EXTRA_WEIGHT_MATCH,  // are its weights the true ones, and not only its function? (task/match.h)
    EXTRA_LEAST_SQUARES, // no model: the exact answer to a linear generator's equations
    EXTRA_MODEL,         // R^2 on other inputs, other set sizes, noisy y
    EXTRA_DIRECT_FIT,    // no model: R^2 of gradient descent on each set alone
};

struct extra_evaluation {
    enum extra_evaluation_kind kind;
    bool defined; // for the run's task; else its scores are NaN
    int scores;   // numbers that it gives
    struct task_spec task;
    struct model_spec model;
    int generators; // held-out ones
};

enum {
    EXTRA_EVALUATIONS_MAX = 3 + TASK_INPUTS - 1 + WIDTHS_MAX + REALS_MAX,
    EXTRA_SCORES_PER_EVALUATION = 4,
    EXTRA_SCORES_MAX = EXTRA_SCORES_PER_EVALUATION + 2 * (EXTRA_EVALUATIONS_MAX - 1),
};

/* A column of the results file. */
struct score_column {
    char name[48];
    char long_name[160];
};

/* All of a run, in the order of their scores: weight_match and least squares always, defined or not, and what
 * the settings ask for. Returns how many. */
int extra_evaluations_list(const struct training *training, const struct model_spec *model,
                           const struct task_spec *task, struct extra_evaluation list[EXTRA_EVALUATIONS_MAX]);

/* The names of its scores; the second of an R^2 is its standard error. */
void extra_evaluation_columns(const struct extra_evaluation *evaluation,
                              struct score_column names[EXTRA_SCORES_PER_EVALUATION]);

/* FLOPs of all of a run; bytes that a rank needs for the largest, beside the parameters. `sets`: generators
 * at once. */
double extra_evaluations_flops(const struct training *training, const struct model_spec *model,
                               const struct task_spec *task);
size_t extra_evaluations_memory_bytes(const struct training *training, const struct model_spec *model,
                                      const struct task_spec *task);

#endif
