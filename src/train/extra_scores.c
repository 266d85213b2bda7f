#include "train/extra_scores.h"

#include "base/agree.h"
#include "base/memory.h"
#include "model/model.h"
#include "task/fit.h"
#include "task/regression.h"
#include "task/task.h"
#include "task/weight_match.h"
#include "train/evaluate.h"

#include <math.h>
#include <string.h>

enum { FIT_CHUNK = 8 }; // sets per chunk of fits: small, since fits are slow and the ranks share the chunks

/* Buffers of one rank for one extra evaluation. */
struct evaluator {
    const struct extra_evaluation *evaluation;
    struct held_out held_out;
    int64_t seed;
    struct task *task, *unrelated;
    struct model *model;
    struct fit *fit;
    struct regression *regression;
    struct weight_matcher *matcher;
    float *output;  // [chunk, outputs]: predicted weights
    float *refined; // [numbers of iterations, chunk, outputs]
    double *y;      // [points, o]: predicted outputs of one set
    double *values; // [generators, extra_evaluation_values]
};

static void evaluator_free(struct evaluator *e)
{
    task_destroy(&e->task);
    task_destroy(&e->unrelated);
    model_destroy(&e->model);
    fit_destroy(&e->fit);
    regression_destroy(&e->regression);
    weight_match_destroy(&e->matcher);
    memory_free((void **)&e->output);
    memory_free((void **)&e->refined);
    memory_free((void **)&e->y);
    memory_free((void **)&e->values);
}

static enum status init_regression(struct evaluator *e, enum regression_terms terms)
{
    const struct task_spec *task = &e->evaluation->task;
    size_t values = (size_t)task->eval_points * (size_t)task->generator.outputs;
    TRY(memory_alloc(values * sizeof(double), (void **)&e->y));
    return regression_create(task, terms, &e->regression);
}

// Creates the objects that the kind of evaluation needs.
static enum status init_kind(struct evaluator *e)
{
    const struct extra_evaluation *evaluation = e->evaluation;
    int sets = e->held_out.chunk;
    switch (evaluation->kind) {
    case EXTRA_WEIGHT_MATCH:
        TRY(task_create(&evaluation->task, sets, &e->unrelated));
        TRY(weight_match_create(&evaluation->task.generator, &e->matcher));
        return model_create(&evaluation->model, sets, 1, &e->model);
    case EXTRA_MODEL:
        return model_create(&evaluation->model, sets, 1, &e->model);
    case EXTRA_LEAST_SQUARES:
        return init_regression(e, REGRESSION_LINEAR);
    case EXTRA_AFFINE_FIT:
        return init_regression(e, REGRESSION_AFFINE);
    case EXTRA_QUADRATIC_FIT:
        return init_regression(e, REGRESSION_QUADRATIC);
    case EXTRA_DIRECT_FIT:
        return fit_create(&evaluation->task, &e->fit);
    case EXTRA_REFINE:
        TRY(memory_alloc((size_t)(evaluation->settings->refine.count * sets) *
                             (size_t)evaluation->model.outputs * sizeof(float),
                         (void **)&e->refined));
        TRY(model_create(&evaluation->model, sets, 1, &e->model));
        return fit_create(&evaluation->task, &e->fit);
    }
    return STATUS_OK;
}

static enum status evaluator_init(struct evaluator *e)
{
    const struct extra_evaluation *evaluation = e->evaluation;
    int sets = e->held_out.chunk;
    TRY(init_kind(e));
    TRY(task_create(&evaluation->task, sets, &e->task));
    TRY(memory_alloc((size_t)sets * (size_t)evaluation->model.outputs * sizeof(float), (void **)&e->output));
    return memory_alloc((size_t)evaluation->generators * (size_t)extra_evaluation_values(evaluation) *
                            sizeof(double),
                        (void **)&e->values);
}

// ---- one chunk ----

static void predict(struct evaluator *e, int first, int sets)
{
    task_fill(e->task, TASK_HELD_OUT, e->seed, 0, first, sets);
    model_forward(e->model, sets, task_pairs(e->task), e->output);
}

static void score_model(void *context, int first, int sets, double *values)
{
    struct evaluator *e = context;
    predict(e, first, sets);
    task_scores(e->task, e->output, (struct task_score *)values);
}

// Compares each generator's weights with the prediction, and, for the level of chance, with the weights of an
// unrelated generator, whose index is larger by `generators`.
static void score_match(void *context, int first, int sets, double *values)
{
    struct evaluator *e = context;
    int unknowns = e->evaluation->model.outputs, stride, unrelated_stride;
    predict(e, first, sets);
    task_fill(e->unrelated, TASK_HELD_OUT, e->seed, 0, (int64_t)first + e->evaluation->generators, sets);
    const float *weights = task_weights(e->task, &stride),
                *unrelated = task_weights(e->unrelated, &unrelated_stride);
    for (int set = 0; set < sets; set++, values += EXTRA_MATCH_SCORES) {
        struct weight_match match =
            weight_match_compare(e->matcher, weights + set, stride, e->output + set * unknowns, 1);
        struct weight_match chance =
            weight_match_compare(e->matcher, weights + set, stride, unrelated + set, unrelated_stride);
        memcpy(values, (double[EXTRA_MATCH_SCORES]){match.cosine, chance.cosine, match.error, chance.error},
               EXTRA_MATCH_SCORES * sizeof *values);
    }
}

static void score_least_squares(void *context, int first, int sets, double *values)
{
    struct evaluator *e = context;
    const struct task_spec *task = &e->evaluation->task;
    int set_elements = task->equations * task_pair_width(task), unknowns = e->evaluation->model.outputs;
    task_fill(e->task, TASK_HELD_OUT, e->seed, 0, first, sets);
    for (int set = 0; set < sets; set++)
        regression_weights(e->regression, task_pairs(e->task) + (size_t)set * (size_t)set_elements,
                           e->output + (size_t)set * (size_t)unknowns);
    task_scores(e->task, e->output, (struct task_score *)values);
}

static struct fit_sets sets_of(const struct evaluator *e, int sets)
{
    return (struct fit_sets){.pairs = task_pairs(e->task),
                             .count = sets,
                             .stop = e->held_out.stop,
                             .context = e->held_out.context};
}

static void score_direct_fit(void *context, int first, int sets, double *values)
{
    struct evaluator *e = context;
    const struct extra_evaluations *settings = e->evaluation->settings;
    const struct fit_starts starts = {.seed = e->seed,
                                      .first = first,
                                      .starts = settings->fit_starts,
                                      .iterations = settings->fit_iterations};
    task_fill(e->task, TASK_HELD_OUT, e->seed, 0, first, sets);
    const struct fit_sets fit_sets = sets_of(e, sets);
    fit_random_starts(e->fit, &fit_sets, &starts, e->output);
    task_scores(e->task, e->output, (struct task_score *)values);
}

static void score_refine(void *context, int first, int sets, double *values)
{
    struct evaluator *e = context;
    const struct widths *iterations = &e->evaluation->settings->refine;
    struct task_score scores[FIT_CHUNK], *score = (struct task_score *)values;
    predict(e, first, sets);
    const struct fit_sets fit_sets = sets_of(e, sets);
    fit_refine(e->fit, &fit_sets, e->output, iterations, e->refined);
    for (int i = 0; i < iterations->count; i++) {
        task_scores(e->task, e->refined + (size_t)(i * sets) * (size_t)e->evaluation->model.outputs, scores);
        for (int set = 0; set < sets; set++)
            score[set * iterations->count + i] = scores[set];
    }
}

static void score_regression(void *context, int first, int sets, double *values)
{
    struct evaluator *e = context;
    const struct task_spec *task = &e->evaluation->task;
    int set_elements = task->equations * task_pair_width(task), stride;
    task_fill(e->task, TASK_HELD_OUT, e->seed, 0, first, sets);
    const float *pairs = task_pairs(e->task), *probes = task_probes(e->task, &stride);
    for (int set = 0; set < sets; set++, pairs += set_elements) {
        regression_predict(e->regression, pairs, probes + set, stride, e->y);
        task_score_outputs(e->task, set, e->y, (struct task_score *)values + set);
    }
}

// ---- one evaluation ----

static void mean_scores(const double *values, int generators, double scores[EXTRA_MATCH_SCORES])
{
    for (int k = 0; k < EXTRA_MATCH_SCORES; k++)
        scores[k] = 0;
    for (int i = 0; i < generators; i++)
        for (int k = 0; k < EXTRA_MATCH_SCORES; k++)
            scores[k] += *values++ / generators;
}

// Computes R^2 and its standard error for each of the evaluation's scores.
static enum status r2_scores(const struct evaluator *e, double *scores)
{
    int count = e->evaluation->scores / 2, generators = e->evaluation->generators;
    const struct task_score *score = (const struct task_score *)e->values;
    struct task_score *one = NULL;
    TRY(memory_alloc((size_t)generators * sizeof *one, (void **)&one));
    for (int k = 0; k < count; k++) {
        for (int i = 0; i < generators; i++)
            one[i] = score[i * count + k];
        evaluate_r2(one, generators, &scores[2 * k], &scores[2 * k + 1]);
    }
    memory_free((void **)&one);
    return STATUS_OK;
}

static held_out_score *const score_functions[] = {
    [EXTRA_WEIGHT_MATCH] = score_match,
    [EXTRA_LEAST_SQUARES] = score_least_squares,
    [EXTRA_MODEL] = score_model,
    [EXTRA_AFFINE_FIT] = score_regression,
    [EXTRA_QUADRATIC_FIT] = score_regression,
    [EXTRA_DIRECT_FIT] = score_direct_fit,
    [EXTRA_REFINE] = score_refine,
};

static enum status compute(struct evaluator *e, const float *parameters, double *scores, bool *stopped)
{
    const struct extra_evaluation *evaluation = e->evaluation;
    e->held_out.generators = evaluation->generators;
    if (evaluation->kind == EXTRA_DIRECT_FIT || evaluation->kind == EXTRA_REFINE)
        e->held_out.chunk = FIT_CHUNK;
    TRY(agree(evaluator_init(e), e->held_out.group));
    if (e->model)
        model_set_parameters(e->model, parameters);
    *stopped = !held_out_pass(&e->held_out, score_functions[evaluation->kind], e,
                              extra_evaluation_values(evaluation), e->values);
    if (evaluation->kind != EXTRA_WEIGHT_MATCH)
        return agree(r2_scores(e, scores), e->held_out.group);
    mean_scores(e->values, evaluation->generators, scores);
    return STATUS_OK;
}

enum status extra_scores_compute(const struct run_spec *run, const struct held_out *held_out,
                                 const float *parameters, double *scores, bool *stopped)
{
    struct extra_evaluation list[EXTRA_EVALUATIONS_MAX];
    int count = extra_evaluations_list(run, list);
    enum status status = STATUS_OK;
    *stopped = false;
    for (int i = 0; i < EXTRA_SCORES_MAX; i++)
        scores[i] = NAN;
    for (int i = 0; i < count && status == STATUS_OK && !*stopped; scores += list[i++].scores) {
        struct evaluator evaluator = {
            .evaluation = &list[i], .held_out = *held_out, .seed = run->training.seed};
        if (list[i].defined)
            status = compute(&evaluator, parameters, scores, stopped);
        evaluator_free(&evaluator);
    }
    return status;
}
