#include "spec/extra_evaluations.h"

#include "base/text.h"
#include "spec/batch_workspace.h"
#include "spec/fit_spec.h"

#include <stdio.h>

// Regressions with many coefficients take few sets, since their cost grows with the square.
enum { MANY_COEFFICIENTS = 64, MAX_COEFFICIENTS = 512, FEW_SETS = 1024 };

// Units of one ReLU or leaky ReLU layer can be normalised, so that weights are comparable.
static bool has_matching_units(const struct task_spec *task)
{
    enum generator_activation activation = task->generator.activation;
    return task_is_functional(task) && task->generator.hidden.count == 1 &&
           (activation == ACTIVATION_RELU || activation == ACTIVATION_LEAKY_RELU);
}

// The list under construction.
struct list {
    struct extra_evaluation *at;
    const struct extra_evaluations *settings;
    struct extra_evaluation as_trained; // the model's R^2 on the sets of training
};

static struct extra_evaluation *add(struct list *list, enum extra_evaluation_kind kind,
                                    const struct extra_evaluation *sets)
{
    struct extra_evaluation *evaluation = list->at++;
    *evaluation = *sets;
    evaluation->kind = kind;
    return evaluation;
}

static void add_regression(struct list *list, const struct extra_evaluation *sets,
                           enum regression_terms terms)
{
    int coefficients = regression_coefficients(sets->task.generator.inputs, terms);
    struct extra_evaluation *floor =
        add(list, terms == REGRESSION_AFFINE ? EXTRA_AFFINE_FIT : EXTRA_QUADRATIC_FIT, sets);
    floor->defined = task_is_functional(&sets->task) && coefficients <= MAX_COEFFICIENTS;
    if (coefficients > MANY_COEFFICIENTS && floor->generators > FEW_SETS)
        floor->generators = FEW_SETS;
}

// Adds regressions and fits for one kind of sets.
static void add_fits(struct list *list, const struct extra_evaluation *sets)
{
    add_regression(list, sets, REGRESSION_AFFINE);
    add_regression(list, sets, REGRESSION_QUADRATIC);
    const struct extra_evaluations *settings = list->settings;
    if (settings->direct_fit > 0) {
        struct extra_evaluation *fit = add(list, EXTRA_DIRECT_FIT, sets);
        fit->defined = task_is_functional(&sets->task);
        fit->generators = settings->direct_fit;
    }
    if (settings->refine.count > 0) {
        struct extra_evaluation *refine = add(list, EXTRA_REFINE, sets);
        refine->scores = 2 * settings->refine.count;
        refine->defined = sets->defined && task_is_functional(&sets->task);
        if (settings->direct_fit > 0)
            refine->generators = settings->direct_fit;
        else if (refine->generators > FEW_SETS)
            refine->generators = FEW_SETS;
    }
}

static void add_set_size(struct list *list, int equations)
{
    struct extra_evaluation sets = list->as_trained;
    sets.variant = VARIANT_SET_SIZE;
    sets.defined = model_reads_sets(&sets.model); // the number of inputs of a flat model is fixed
    sets.task.equations = sets.model.pairs = equations;
    add(list, EXTRA_MODEL, &sets);
    add_fits(list, &sets);
}

static void add_noise(struct list *list, double noise)
{
    struct extra_evaluation sets = list->as_trained;
    sets.variant = VARIANT_NOISE;
    sets.defined = task_reads_pairs(&sets.task);
    sets.task.noise = noise;
    add(list, EXTRA_MODEL, &sets);
    add_fits(list, &sets);
}

static void add_inputs(struct list *list, enum task_inputs inputs)
{
    struct extra_evaluation *model = add(list, EXTRA_MODEL, &list->as_trained);
    model->variant = VARIANT_INPUTS;
    model->task.inputs = inputs;
}

int extra_evaluations_list(const struct run_spec *run, struct extra_evaluation all[EXTRA_EVALUATIONS_MAX])
{
    const struct extra_evaluations *settings = &run->training.extra;
    const struct task_spec *task = &run->task;
    struct list list = {.at = all,
                        .settings = settings,
                        .as_trained = {.defined = true,
                                       .scores = 2,
                                       .settings = settings,
                                       .task = *task,
                                       .model = run->model,
                                       .generators = run->training.evaluation_generators}};
    if (task->equation_range.count > 0) { // applies to training only
        list.as_trained.task.equation_range = (struct widths){0};
        list.as_trained.model.pairs = task->equations;
    }
    struct extra_evaluation *match = add(&list, EXTRA_WEIGHT_MATCH, &list.as_trained);
    match->scores = EXTRA_MATCH_SCORES;
    match->defined = has_matching_units(task);
    add(&list, EXTRA_LEAST_SQUARES, &list.as_trained)->defined = !task_has_networks(task);
    add_fits(&list, &list.as_trained);
    for (enum task_inputs inputs = 0; inputs < TASK_INPUTS; inputs++)
        if (settings->inputs & 1 << inputs)
            add_inputs(&list, inputs);
    for (int i = 0; i < settings->set_sizes.count; i++)
        add_set_size(&list, settings->set_sizes.width[i]);
    for (int i = 0; i < settings->noise.count; i++)
        add_noise(&list, settings->noise.real[i]);
    return (int)(list.at - all);
}

// ---- names ----

// Describes the sets: the suffix of the columns' names, and the end of their long names.
static void describe_sets(const struct extra_evaluation *evaluation, char suffix[32], char words[112])
{
    static const char *const inputs[TASK_INPUTS][2] = {
        [INPUTS_NORMAL] = {"_normal", ", where all inputs x, of pairs and probes, are N(0, 1)"},
        [INPUTS_UNIFORM] = {"_uniform", ", where all inputs x, of pairs and probes, are U(-sqrt 3, sqrt 3)"},
        [INPUTS_WIDE] = {"_wide", ", where all inputs x, of pairs and probes, are N(0, 4)"},
        [INPUTS_SHIFTED] = {"_shifted", ", where all inputs x, of pairs and probes, are N(1, 1)"},
    };
    const struct task_spec *task = &evaluation->task;
    suffix[0] = words[0] = '\0';
    switch (evaluation->variant) {
    case VARIANT_NONE:
        break;
    case VARIANT_INPUTS:
        snprintf(suffix, 32, "%s", inputs[task->inputs][0]);
        snprintf(words, 112, "%s", inputs[task->inputs][1]);
        break;
    case VARIANT_SET_SIZE:
        snprintf(suffix, 32, "_set_size_%d", task->equations);
        snprintf(words, 112, ", where a set has %d equation%s", task->equations,
                 text_plural(task->equations));
        break;
    case VARIANT_NOISE:
        snprintf(suffix, 32, "_noise_%.15g", task->noise);
        snprintf(words, 112,
                 ", where the pairs' y have noise of %.15g times the standard deviation of their set's y",
                 task->noise);
        break;
    }
}

// Names the columns r2_NAME_VARIANT and its standard error.
static void name_r2(const struct extra_evaluation *evaluation, const char *name, const char *long_name,
                    struct score_column names[2])
{
    char suffix[32], words[112];
    describe_sets(evaluation, suffix, words);
    const char *end = name[0] ? suffix : suffix + 1; // the model's own columns are named by the variant
    snprintf(names[0].name, sizeof names[0].name, "r2_%s%s", name, end);
    snprintf(names[0].long_name, sizeof names[0].long_name, "R^2 of %s%s", long_name, words);
    snprintf(names[1].name, sizeof names[1].name, "r2_%s%s_stderr", name, end);
    snprintf(names[1].long_name, sizeof names[1].long_name, "standard error of r2_%s%s over the generators",
             name, end);
}

static void name_match(struct score_column names[EXTRA_MATCH_SCORES])
{
    static const struct score_column matches[EXTRA_MATCH_SCORES] = {
        {"weight_match", "cosine of predicted and true weights, hidden units normalised and matched, mean "
                         "over the held-out generators"},
        {"weight_match_chance", "weight_match of two unrelated generators"},
        {"weight_match_error", "relative error of the predicted weights, hidden units normalised and "
                               "matched, mean over the held-out generators"},
        {"weight_match_error_chance", "weight_match_error of two unrelated generators"},
    };
    for (int i = 0; i < EXTRA_MATCH_SCORES; i++)
        names[i] = matches[i];
}

static void name_direct_fit(const struct extra_evaluation *evaluation, struct score_column names[2])
{
    char words[128];
    int starts = evaluation->settings->fit_starts, iterations = evaluation->settings->fit_iterations;
    snprintf(
        words, sizeof words,
        "a network fitted to each set alone: the best of %d start%s of %d Levenberg-Marquardt iteration%s",
        starts, text_plural(starts), iterations, text_plural(iterations));
    name_r2(evaluation, "direct_fit", words, names);
}

static void name_refine(const struct extra_evaluation *evaluation, int iterations,
                        struct score_column names[2])
{
    char name[32], words[128];
    snprintf(name, sizeof name, "refine_%d", iterations);
    snprintf(words, sizeof words,
             "the model's prediction after %d Levenberg-Marquardt iteration%s on each set", iterations,
             text_plural(iterations));
    name_r2(evaluation, name, words, names);
}

void extra_evaluation_columns(const struct extra_evaluation *evaluation,
                              struct score_column names[EXTRA_SCORES_PER_EVALUATION])
{
    switch (evaluation->kind) {
    case EXTRA_WEIGHT_MATCH:
        name_match(names);
        break;
    case EXTRA_LEAST_SQUARES:
        name_r2(evaluation, "least_squares",
                "the least-squares solution of minimum norm of each set's equations", names);
        break;
    case EXTRA_MODEL:
        name_r2(evaluation, "", "the model", names);
        break;
    case EXTRA_AFFINE_FIT:
        name_r2(evaluation, "affine_fit", "a least-squares regression of y on 1 and x on each set alone",
                names);
        break;
    case EXTRA_QUADRATIC_FIT:
        name_r2(evaluation, "quadratic_fit",
                "a least-squares regression of y on 1, x and its products on each set alone", names);
        break;
    case EXTRA_DIRECT_FIT:
        name_direct_fit(evaluation, names);
        break;
    case EXTRA_REFINE:
        for (int i = 0; i < evaluation->settings->refine.count; i++)
            name_refine(evaluation, evaluation->settings->refine.width[i], names + 2 * i);
    }
}

int extra_evaluation_values(const struct extra_evaluation *evaluation)
{
    return evaluation->kind == EXTRA_WEIGHT_MATCH ? evaluation->scores : evaluation->scores / 2 * 3;
}

// ---- cost ----

static struct extra_flops flops_each(const struct extra_evaluation *evaluation)
{
    const struct extra_evaluations *settings = evaluation->settings;
    double forward = model_forward_flops(&evaluation->model);
    switch (evaluation->kind) {
    case EXTRA_WEIGHT_MATCH:
    case EXTRA_MODEL:
        return (struct extra_flops){.model = forward};
    case EXTRA_LEAST_SQUARES:
        return (struct extra_flops){.fits = regression_flops(&evaluation->task, REGRESSION_LINEAR)};
    case EXTRA_AFFINE_FIT:
        return (struct extra_flops){.fits = regression_flops(&evaluation->task, REGRESSION_AFFINE)};
    case EXTRA_QUADRATIC_FIT:
        return (struct extra_flops){.fits = regression_flops(&evaluation->task, REGRESSION_QUADRATIC)};
    case EXTRA_DIRECT_FIT:
        return (struct extra_flops){.fits = (double)settings->fit_starts * settings->fit_iterations *
                                            fit_iteration_flops(&evaluation->task)};
    case EXTRA_REFINE:
        return (struct extra_flops){
            .model = forward, .fits = widths_max(&settings->refine) * fit_iteration_flops(&evaluation->task)};
    }
    return (struct extra_flops){0};
}

struct extra_flops extra_evaluations_flops(const struct run_spec *run)
{
    struct extra_evaluation list[EXTRA_EVALUATIONS_MAX];
    struct extra_flops flops = {0};
    int count = extra_evaluations_list(run, list);
    for (int i = 0; i < count; i++) {
        struct extra_flops each = list[i].defined ? flops_each(&list[i]) : (struct extra_flops){0};
        flops.model += list[i].generators * each.model;
        flops.fits += list[i].generators * each.fits;
    }
    return flops;
}

static bool is_fit(const struct extra_evaluation *evaluation)
{
    return evaluation->kind == EXTRA_DIRECT_FIT || evaluation->kind == EXTRA_REFINE;
}

size_t extra_evaluations_memory_bytes(const struct run_spec *run)
{
    struct extra_evaluation list[EXTRA_EVALUATIONS_MAX];
    size_t largest = 0;
    int count = extra_evaluations_list(run, list), sets = run->training.batch / run->training.shards;
    for (int i = 0; i < count; i++) {
        size_t bytes =
            model_workspace_bytes(&list[i].model, sets, 1) + batch_workspace_bytes(&list[i].task, sets) +
            (size_t)sets * (size_t)run->model.outputs * sizeof(float) +
            (size_t)list[i].generators * (size_t)extra_evaluation_values(&list[i]) * sizeof(double) +
            (is_fit(&list[i]) ? fit_bytes(&list[i].task) : 0);
        largest = list[i].defined && bytes > largest ? bytes : largest;
    }
    return largest;
}
