/* Extra evaluations of a trained model at the end of its run, beyond R^2 in the setting of training: their
 * list, the columns of their scores and their cost. src/train/extra_scores.c computes them. */
#ifndef SPEC_EXTRA_EVALUATIONS_H
#define SPEC_EXTRA_EVALUATIONS_H

#include "spec/run_spec.h"

#include <stdbool.h>

enum extra_evaluation_kind {
    EXTRA_WEIGHT_MATCH,  // distance between predicted and true weights (task/weight_match.h)
    EXTRA_LEAST_SQUARES, // no model: least-squares solution of a linear generator's equations
    EXTRA_MODEL,         // R^2 of the model with other inputs, other set sizes or noisy y
    EXTRA_AFFINE_FIT,    // no model: R^2 of a regression on the inputs of each set
    EXTRA_QUADRATIC_FIT, // the same with the squares and products of the inputs
    EXTRA_DIRECT_FIT,    // no model: R^2 of the weights that fit each set best
    EXTRA_REFINE,        // R^2 of the same fits from the model's predictions
};

/* How the sets differ from those of R^2. The suffix of the columns' names says it. */
enum extra_variant { VARIANT_NONE, VARIANT_INPUTS, VARIANT_SET_SIZE, VARIANT_NOISE };

struct extra_evaluation {
    enum extra_evaluation_kind kind;
    enum extra_variant variant;
    bool defined; // false: the run's task has no such scores, and their columns are NaN
    int scores;   // number of scores
    struct task_spec task;
    struct model_spec model;
    int generators; // number of held-out generators
    const struct extra_evaluations *settings;
};

enum {
    EXTRA_VARIANTS_MAX = 1 + WIDTHS_MAX + REALS_MAX, // of floors and fits: as R^2, set sizes, noise
    EXTRA_EVALUATIONS_MAX = 2 + TASK_INPUTS + 5 * EXTRA_VARIANTS_MAX,
    EXTRA_MATCH_SCORES = 4,
    EXTRA_SCORES_PER_EVALUATION =
        2 * WIDTHS_MAX, // refine: an R^2 and a standard error per number of iterations
    EXTRA_SCORES_MAX = EXTRA_MATCH_SCORES + 2 * (1 + TASK_INPUTS + (4 + WIDTHS_MAX) * EXTRA_VARIANTS_MAX),
};

/* A column of the results file. */
struct score_column {
    char name[64];
    char long_name[256];
};

/* Lists a run's extra evaluations in the order of their columns: weight match, least squares and regressions
 * always, the others if the settings ask for them. Returns their number. */
int extra_evaluations_list(const struct run_spec *run, struct extra_evaluation list[EXTRA_EVALUATIONS_MAX]);

/* Names of the columns of an evaluation's scores. An R^2 is followed by its standard error. */
void extra_evaluation_columns(const struct extra_evaluation *evaluation,
                              struct score_column names[EXTRA_SCORES_PER_EVALUATION]);

/* Values per held-out generator from which the scores are computed: struct task_score for each R^2. */
int extra_evaluation_values(const struct extra_evaluation *evaluation);

/* FLOPs of the extra evaluations of a run. */
struct extra_flops {
    double model; // forward passes, in the run's precision
    double fits;  // regressions and fits, in double
};
struct extra_flops extra_evaluations_flops(const struct run_spec *run);

/* Bytes per rank of the largest extra evaluation, parameters not included. */
size_t extra_evaluations_memory_bytes(const struct run_spec *run);

#endif
