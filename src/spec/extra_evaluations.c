#include "spec/extra_evaluations.h"

#include "spec/batch_workspace.h"

#include <stdio.h>

enum { FIT_PROBES = 256 }; // evaluation inputs per generator of a direct fit, which has few generators

// Units of one ReLU or leaky ReLU layer can be normalised, so that weights are comparable.
static bool has_matching_units(const struct task_spec *task)
{
    enum generator_activation activation = task->generator.activation;
    return task_is_functional(task) && task->generator.hidden.count == 1 &&
           (activation == ACTIVATION_RELU || activation == ACTIVATION_LEAKY_RELU);
}

int extra_evaluations_list(const struct training *training, const struct model_spec *model,
                           const struct task_spec *task, struct extra_evaluation list[EXTRA_EVALUATIONS_MAX])
{
    const struct extra_evaluations *settings = &training->extra;
    struct extra_evaluation as_trained = {.kind = EXTRA_MODEL,
                                          .defined = true,
                                          .scores = 2,
                                          .task = *task,
                                          .model = *model,
                                          .generators = training->evaluation_generators};
    struct extra_evaluation *at = list;
    if (task->equation_range.count > 0) { // applies to training only
        as_trained.task.equation_range = (struct widths){0};
        as_trained.model.pairs = task->equations;
    }
    *at = as_trained;
    at->kind = EXTRA_WEIGHT_MATCH;
    at->scores = EXTRA_SCORES_PER_EVALUATION;
    at++->defined = has_matching_units(task);
    *at = as_trained;
    at->kind = EXTRA_LEAST_SQUARES;
    at++->defined = !task_has_networks(task);
    for (enum task_inputs inputs = INPUTS_NORMAL + 1; inputs < TASK_INPUTS; inputs++) {
        if (!(settings->inputs & 1 << (inputs - 1)))
            continue;
        *at = as_trained;
        at++->task.inputs = inputs;
    }
    for (int i = 0; i < settings->set_sizes.count; i++) {
        *at = as_trained;
        at->defined = model_reads_sets(model); // the number of inputs of a flat model is fixed
        at->task.equations = at->model.pairs = settings->set_sizes.width[i];
        at++;
    }
    for (int i = 0; i < settings->noise.count; i++) {
        *at = as_trained;
        at->defined = task_reads_pairs(task);
        at++->task.noise = settings->noise.real[i];
    }
    if (settings->direct_fit > 0) {
        *at = as_trained;
        at->kind = EXTRA_DIRECT_FIT;
        at->defined = task_is_functional(task);
        at->task.eval_points = FIT_PROBES;
        at++->generators = settings->direct_fit;
    }
    return (int)(at - list);
}

// ---- names ----

static void name_r2(struct score_column names[2], const char *name, const char *long_name)
{
    snprintf(names[0].name, sizeof names[0].name, "r2_%s", name);
    snprintf(names[0].long_name, sizeof names[0].long_name, "R^2 %s", long_name);
    snprintf(names[1].name, sizeof names[1].name, "r2_%s_stderr", name);
    snprintf(names[1].long_name, sizeof names[1].long_name, "standard error of r2_%s over the generators",
             name);
}

static void name_match(struct score_column names[EXTRA_SCORES_PER_EVALUATION])
{
    static const struct score_column matches[EXTRA_SCORES_PER_EVALUATION] = {
        {"weight_match",
         "cosine of predicted and true weights, hidden units normalised and matched, mean over the "
         "held-out generators"},
        {"weight_match_chance", "weight_match of two unrelated generators"},
        {"weight_match_error",
         "relative error of the predicted weights, hidden units normalised and matched, mean over "
         "the held-out generators"},
        {"weight_match_error_chance", "weight_match_error of two unrelated generators"},
    };
    for (int i = 0; i < EXTRA_SCORES_PER_EVALUATION; i++)
        names[i] = matches[i];
}

static void name_model(const struct extra_evaluation *evaluation, struct score_column names[2])
{
    static const struct score_column inputs[TASK_INPUTS] = {
        [INPUTS_UNIFORM] = {"uniform", "where all inputs x, of pairs and probes, are U(-sqrt 3, sqrt 3)"},
        [INPUTS_WIDE] = {"wide", "where all inputs x, of pairs and probes, are N(0, 4)"},
        [INPUTS_SHIFTED] = {"shifted", "where all inputs x, of pairs and probes, are N(1, 1)"},
    };
    char name[32], long_name[128];
    const struct task_spec *task = &evaluation->task;
    if (task->inputs != INPUTS_NORMAL) {
        name_r2(names, inputs[task->inputs].name, inputs[task->inputs].long_name);
    } else if (task->noise > 0) {
        snprintf(name, sizeof name, "noise_%.15g", task->noise);
        snprintf(long_name, sizeof long_name,
                 "where the pairs' y have noise of %.15g times the standard deviation of their set's y",
                 task->noise);
        name_r2(names, name, long_name);
    } else {
        snprintf(name, sizeof name, "set_size_%d", task->equations);
        snprintf(long_name, sizeof long_name, "where a set has %d equation%s", task->equations,
                 task->equations == 1 ? "" : "s");
        name_r2(names, name, long_name);
    }
}

static void name_direct_fit(struct score_column names[2])
{
    char long_name[128];
    snprintf(
        long_name, sizeof long_name,
        "of gradient descent on each set alone: the best of %d restarts of %d steps of adam, by their loss",
        FIT_RESTARTS, FIT_STEPS);
    name_r2(names, "direct_fit", long_name);
}

void extra_evaluation_columns(const struct extra_evaluation *evaluation,
                              struct score_column names[EXTRA_SCORES_PER_EVALUATION])
{
    switch (evaluation->kind) {
    case EXTRA_WEIGHT_MATCH:
        name_match(names);
        break;
    case EXTRA_LEAST_SQUARES:
        name_r2(names, "least_squares",
                "of the least-squares solution of minimum norm of each set's equations");
        break;
    case EXTRA_MODEL:
        name_model(evaluation, names);
        break;
    case EXTRA_DIRECT_FIT:
        name_direct_fit(names);
    }
}

// ---- cost ----

static double flops_each(const struct extra_evaluation *evaluation)
{
    if (!evaluation->defined)
        return 0;
    switch (evaluation->kind) {
    case EXTRA_WEIGHT_MATCH:
    case EXTRA_MODEL:
        return model_forward_flops(&evaluation->model);
    case EXTRA_DIRECT_FIT:
        return 6.0 * FIT_RESTARTS * FIT_STEPS * evaluation->task.equations *
               generator_unknowns(&evaluation->task.generator);
    case EXTRA_LEAST_SQUARES:
        break; // negligible
    }
    return 0;
}

double extra_evaluations_flops(const struct training *training, const struct model_spec *model,
                               const struct task_spec *task)
{
    struct extra_evaluation list[EXTRA_EVALUATIONS_MAX];
    double flops = 0;
    int count = extra_evaluations_list(training, model, task, list);
    for (int i = 0; i < count; i++)
        flops += list[i].generators * flops_each(&list[i]);
    return flops;
}

size_t extra_evaluations_memory_bytes(const struct training *training, const struct model_spec *model,
                                      const struct task_spec *task)
{
    struct extra_evaluation list[EXTRA_EVALUATIONS_MAX];
    size_t largest = 0;
    int count = extra_evaluations_list(training, model, task, list),
        sets = training->batch / training->shards;
    for (int i = 0; i < count; i++) {
        size_t bytes = model_workspace_bytes(&list[i].model, sets, 1) +
                       batch_workspace_bytes(&list[i].task, sets) +
                       (size_t)sets * (size_t)model->outputs * sizeof(float) +
                       (size_t)list[i].generators * EXTRA_SCORES_PER_EVALUATION * sizeof(double);
        largest = list[i].defined && bytes > largest ? bytes : largest;
    }
    return largest;
}
