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

/* Buffers of one rank for one extra evaluation. */
struct evaluator {
    const struct extra_evaluation *evaluation;
    const struct held_out *held_out;
    int64_t seed;
    struct task *task, *unrelated;
    struct model *model;
    struct fit *fit;
    struct regression *regression;
    struct weight_matcher *matcher;
    float *output;  // [chunk, outputs]: predicted weights
    double *y;      // [points, o]: predicted outputs of one set
    double *values; // [generators, EXTRA_SCORES_PER_EVALUATION]
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
    memory_free((void **)&e->y);
    memory_free((void **)&e->values);
}

static bool uses_model(const struct evaluator *e)
{
    return e->evaluation->kind == EXTRA_MODEL || e->evaluation->kind == EXTRA_WEIGHT_MATCH;
}

static bool is_regression(const struct evaluator *e)
{
    return e->evaluation->kind == EXTRA_AFFINE_FIT || e->evaluation->kind == EXTRA_QUADRATIC_FIT;
}

static enum status init_regression(struct evaluator *e)
{
    const struct task_spec *task = &e->evaluation->task;
    size_t values = (size_t)task->eval_points * (size_t)task->generator.outputs;
    TRY(memory_alloc(values * sizeof(double), (void **)&e->y));
    return regression_create(
        task, e->evaluation->kind == EXTRA_AFFINE_FIT ? REGRESSION_AFFINE : REGRESSION_QUADRATIC,
        &e->regression);
}

static enum status evaluator_init(struct evaluator *e)
{
    const struct extra_evaluation *evaluation = e->evaluation;
    int sets = e->held_out->chunk;
    size_t outputs = (size_t)evaluation->model.outputs;
    TRY(task_create(&evaluation->task, sets, &e->task));
    if (uses_model(e))
        TRY(model_create(&evaluation->model, sets, 1, &e->model));
    else if (is_regression(e))
        TRY(init_regression(e));
    else
        TRY(fit_create(&evaluation->task, &e->fit));
    if (evaluation->kind == EXTRA_WEIGHT_MATCH) {
        TRY(task_create(&evaluation->task, sets, &e->unrelated));
        TRY(weight_match_create(&evaluation->task.generator, &e->matcher));
    }
    TRY(memory_alloc((size_t)sets * outputs * sizeof(float), (void **)&e->output));
    return memory_alloc((size_t)evaluation->generators * EXTRA_SCORES_PER_EVALUATION * sizeof(double),
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
    for (int set = 0; set < sets; set++, values += EXTRA_SCORES_PER_EVALUATION) {
        struct weight_match match =
            weight_match_compare(e->matcher, weights + set, stride, e->output + set * unknowns, 1);
        struct weight_match chance =
            weight_match_compare(e->matcher, weights + set, stride, unrelated + set, unrelated_stride);
        memcpy(values,
               (double[EXTRA_SCORES_PER_EVALUATION]){match.cosine, chance.cosine, match.error, chance.error},
               EXTRA_SCORES_PER_EVALUATION * sizeof *values);
    }
}

static void score_fit(void *context, int first, int sets, double *values)
{
    struct evaluator *e = context;
    const struct task_spec *task = &e->evaluation->task;
    int set_elements = task->equations * task_pair_width(task), unknowns = e->evaluation->model.outputs;
    task_fill(e->task, TASK_HELD_OUT, e->seed, 0, first, sets);
    for (int set = 0; set < sets && !e->held_out->stop(e->held_out->context); set++) {
        const float *pairs = task_pairs(e->task) + (size_t)set * (size_t)set_elements;
        float *weights = e->output + (size_t)set * (size_t)unknowns;
        if (e->evaluation->kind == EXTRA_LEAST_SQUARES)
            fit_least_squares(e->fit, pairs, weights);
        else
            fit_descend(e->fit, e->seed, first + set, pairs, e->held_out->stop, e->held_out->context,
                        weights);
    }
    task_scores(e->task, e->output, (struct task_score *)values);
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

static void mean_scores(const double *values, int generators, double scores[EXTRA_SCORES_PER_EVALUATION])
{
    for (int k = 0; k < EXTRA_SCORES_PER_EVALUATION; k++)
        scores[k] = 0;
    for (int i = 0; i < generators; i++)
        for (int k = 0; k < EXTRA_SCORES_PER_EVALUATION; k++)
            scores[k] += *values++ / generators;
}

static enum status compute(struct evaluator *e, const float *parameters, double *scores, bool *stopped)
{
    struct held_out held_out = *e->held_out;
    held_out.generators = e->evaluation->generators;
    if (e->evaluation->kind == EXTRA_DIRECT_FIT)
        held_out.chunk = 1; // a fit takes long, so the ranks share single generators
    TRY(agree(evaluator_init(e), held_out.group));
    if (uses_model(e))
        model_set_parameters(e->model, parameters);
    if (e->evaluation->kind == EXTRA_WEIGHT_MATCH) {
        *stopped = !held_out_pass(&held_out, score_match, e, EXTRA_SCORES_PER_EVALUATION, e->values);
        mean_scores(e->values, held_out.generators, scores);
    } else {
        held_out_score *score = uses_model(e) ? score_model : is_regression(e) ? score_regression : score_fit;
        *stopped = !held_out_pass(&held_out, score, e, TASK_SCORE_VALUES, e->values);
        evaluate_r2((struct task_score *)e->values, held_out.generators, &scores[0], &scores[1]);
    }
    return STATUS_OK;
}

enum status extra_scores_compute(const struct train_run *run, const struct held_out *held_out,
                                 const float *parameters, double *scores, bool *stopped)
{
    struct extra_evaluation list[EXTRA_EVALUATIONS_MAX];
    int count = extra_evaluations_list(&run->training, &run->model, &run->task, list);
    enum status status = STATUS_OK;
    *stopped = false;
    for (int i = 0; i < EXTRA_SCORES_MAX; i++)
        scores[i] = NAN;
    for (int i = 0; i < count && status == STATUS_OK && !*stopped; scores += list[i++].scores) {
        struct evaluator evaluator = {
            .evaluation = &list[i], .held_out = held_out, .seed = run->training.seed};
        if (list[i].defined)
            status = compute(&evaluator, parameters, scores, stopped);
        evaluator_free(&evaluator);
    }
    return status;
}
