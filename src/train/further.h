/* What a trained model is asked at its run's end beside R^2 as it was trained, described: which questions, which columns
 * their answers make, and what they cost; no arithmetic. */
#ifndef TRAIN_FURTHER_H
#define TRAIN_FURTHER_H

#include "train/description.h"

#include <stdbool.h>

enum further_kind {
    FURTHER_MATCH,         // are its weights the true ones, and not only its function? (task/match.h)
    FURTHER_LEAST_SQUARES, // no model: the exact answer to a linear generator's equations
    FURTHER_MODEL,         // R^2 on other inputs, other set sizes, noisy y
    FURTHER_DIRECT_FIT,    // no model: R^2 of gradient descent on each set alone
};

struct further {
    enum further_kind kind;
    bool defined; // for the run's task; else its scores are NaN
    int scores;   // numbers that it gives
    struct task_description task;
    struct model_description model;
    int generators; // held-out ones
};

enum {
    FURTHER_MOST = 3 + TASK_INPUTS - 1 + WIDTHS_MAX + REALS_MAX,
    FURTHER_SCORES_EACH = 4,
    FURTHER_SCORES_MOST = FURTHER_SCORES_EACH + 2 * (FURTHER_MOST - 1),
};

/* A column of the results file. */
struct score_name {
    char name[48];
    char long_name[160];
};

/* All of a run, in the order of their scores: weight_match and least squares always, defined or not, and what the settings ask
 * for. Returns how many. */
int further_list(const struct training *training, const struct model_description *model,
                 const struct task_description *task, struct further list[FURTHER_MOST]);

/* The names of its scores; the second of an R^2 is its standard error. */
void further_names(const struct further *further, struct score_name names[FURTHER_SCORES_EACH]);

/* FLOPs of all of a run; bytes that a rank needs for the largest, beside the parameters. `sets`: generators at once. */
double further_flops(const struct training *training, const struct model_description *model,
                     const struct task_description *task);
size_t further_memory_bytes(const struct training *training, const struct model_description *model,
                            const struct task_description *task);

#endif
