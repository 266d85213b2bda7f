#include "cli/inference.h"

#include "base/clock.h"
#include "base/memory.h"
#include "model/model.h"
#include "spec/batch_workspace.h"
#include "spec/buffer_sizes.h"
#include "task/fit.h"
#include "task/generator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SETS_AT_ONCE = 256 };
static const double min_estimate = 1e-3; // of an estimated sigma, relative to fit_sigma without noise
static const double max_deviations = 4;  // of the residuals from sigma, in standard deviations

/* Sets of equal size that are computed together. */
struct group {
    const char *file; // path of the pairs file
    const struct run_spec *run;
    struct prediction *prediction; // [sets]
    int sets, pairs;               // pairs per set
    struct task_spec task;         // of the fits
    float *input;                  // [sets, pairs, pair width]
    float *weights, *refined;      // [sets, unknowns]
    double *sigma;                 // [sets]
    int first;                     // index of the first set in the file
};

static int unknowns_of(const struct group *group)
{
    return generator_unknowns(&group->task.generator);
}

static const float *pairs_of(const struct group *group, int set)
{
    return group->input + (size_t)(set * group->pairs) * (size_t)task_pair_width(&group->task);
}

// ---- outputs of the weights ----

// Copies values [count] to lane 0 of lanes [count, LANES], the layout of generator_apply, which computes
// LANES generators at once. NULL: all zero.
static enum status spread(const float *values, size_t count, float **lanes)
{
    TRY(memory_alloc(count * LANES * sizeof **lanes, (void **)lanes));
    for (size_t k = 0; values && k < count; k++)
        (*lanes)[k * LANES] = values[k];
    return STATUS_OK;
}

// Applies a generator with these weights to the pairs' x: y [count, outputs].
static enum status apply(const struct generator_shape *shape, const float *weights, const struct pairs *pairs,
                         float *y)
{
    enum status status = STATUS_OK;
    float *w = NULL, *x = NULL, *out = NULL, *scratch = NULL;
    size_t outputs = (size_t)pairs->count * (size_t)pairs->outputs;
    TRY_DONE(spread(weights, (size_t)generator_unknowns(shape), &w));
    TRY_DONE(spread(pairs->x, (size_t)pairs->count * (size_t)pairs->inputs, &x));
    TRY_DONE(spread(NULL, outputs, &out));
    TRY_DONE(spread(NULL, (size_t)generator_block_scratch(shape), &scratch));
    generator_apply(shape, w, x, pairs->count, LANES, scratch, out);
    for (size_t k = 0; k < outputs; k++)
        y[k] = out[k * LANES];
done:
    memory_free((void **)&scratch);
    memory_free((void **)&out);
    memory_free((void **)&x);
    memory_free((void **)&w);
    return status;
}

// Computes r2 and rms of one set of pairs. The variance is about the mean of each output; evaluate_r2 scores
// a model over many generators, about one mean. Deviations are taken from the first pair's y first, so that
// they are exactly 0 if all y are equal.
static void compute_r2(const struct pairs *pairs, struct weights_fit *fit)
{
    double error = 0, variance = 0;
    for (int k = 0; k < pairs->outputs; k++) {
        double mean = 0, first = (double)pairs->y[k];
        for (int p = 0; p < pairs->count; p++)
            mean += ((double)pairs->y[p * pairs->outputs + k] - first) / pairs->count;
        for (int p = 0; p < pairs->count; p++) {
            int at = p * pairs->outputs + k;
            double residual = (double)pairs->y[at] - (double)fit->y[at],
                   deviation = (double)pairs->y[at] - first - mean;
            error += residual * residual;
            variance += deviation * deviation;
        }
    }
    fit->r2 = NAN;
    fit->undefined = NULL;
    if (variance > 0)
        fit->r2 = 1 - error / variance;
    else
        fit->undefined = pairs->count == 1 ? "there is one pair" : "the pairs' y are all the same";
    fit->rms = sqrt(error / ((double)pairs->count * pairs->outputs));
}

static bool all_finite(const float *values, int count)
{
    for (int k = 0; k < count; k++)
        if (!isfinite(values[k]))
            return false;
    return true;
}

// Names the value of largest magnitude among the pairs, from which the weights were inferred.
static enum status refuse_magnitude(const struct group *group, const struct pairs *pairs)
{
    float largest = 0;
    int pair = 0, column = 0;
    char name[16];
    for (int p = 0; p < pairs->count; p++)
        for (int k = 0; k < pairs->inputs + pairs->outputs; k++) {
            float value = k < pairs->inputs ? pairs->x[p * pairs->inputs + k]
                                            : pairs->y[p * pairs->outputs + k - pairs->inputs];
            if (fabsf(value) <= fabsf(largest))
                continue;
            largest = value;
            pair = p;
            column = k;
        }
    pairs_column_name(pairs->inputs, pairs->outputs, column, name);
    FAIL(STATUS_USAGE,
         "%s:%lld: column %s: %.4g is too large: the inferred weights or their outputs are not finite in "
         "fp32; expected values like those of the run's training",
         group->file, (long long)pairs->line[pair], name, (double)largest);
}

// Copies the weights, and computes their fit to the pairs. STATUS_USAGE if they or their outputs are not
// finite.
static enum status set_fit(const struct group *group, const struct pairs *pairs, const float *weights,
                           struct weights_fit *fit)
{
    size_t bytes = (size_t)unknowns_of(group) * sizeof *weights;
    if (!fit->weights) {
        fit->weights = memory_small(bytes);
        fit->y = memory_small((size_t)pairs->count * (size_t)pairs->outputs * sizeof *fit->y);
    }
    memcpy(fit->weights, weights, bytes);
    TRY(apply(&group->task.generator, weights, pairs, fit->y));
    if (!all_finite(weights, unknowns_of(group)) || !all_finite(fit->y, pairs->count * pairs->outputs))
        return refuse_magnitude(group, pairs);
    compute_r2(pairs, fit);
    return STATUS_OK;
}

// ---- refinement ----

static bool never(void *context)
{
    (void)context;
    return false;
}

// The sets of a group, with the noise group->sigma.  objective [sets], or NULL
static struct fit_sets fit_sets_of(const struct group *group, double *objective)
{
    return (struct fit_sets){.pairs = group->input,
                             .count = group->sets,
                             .sigma = group->sigma,
                             .stop = never,
                             .objective = objective};
}

// Fits from `start` [sets, unknowns], which may be group->refined.
static void refine(const struct group *group, struct fit *fit, int iterations, const float *start,
                   double *objective)
{
    const struct fit_sets sets = fit_sets_of(group, objective);
    fit_refine(fit, &sets, start, &(struct widths){1, {iterations}}, group->refined);
}

// Fits from random starts too, and keeps the weights with the smaller objective.
// objective [sets]: of group->refined
static enum status try_random_starts(struct group *group, struct fit *fit,
                                     const struct predictions *predictions, const double *objective)
{
    const struct fit_starts starts = {.seed = group->run->training.seed,
                                      .first = group->first,
                                      .starts = predictions->starts,
                                      .iterations = predictions->refine};
    enum status status = STATUS_OK;
    size_t unknowns = (size_t)unknowns_of(group), count = (size_t)group->sets;
    float *weights = NULL;   // [sets, unknowns]
    double *smallest = NULL; // [sets]
    TRY_DONE(memory_alloc(count * unknowns * sizeof *weights, (void **)&weights));
    TRY_DONE(memory_alloc(count * sizeof *smallest, (void **)&smallest));
    const struct fit_sets sets = fit_sets_of(group, smallest);
    fit_random_starts(fit, &sets, &starts, weights);
    for (size_t set = 0; set < count; set++) {
        group->prediction[set].from_random_start = smallest[set] < objective[set];
        if (group->prediction[set].from_random_start)
            memcpy(group->refined + set * unknowns, weights + set * unknowns, unknowns * sizeof *weights);
    }
done:
    memory_free((void **)&smallest);
    memory_free((void **)&weights);
    return status;
}

// Fits from the predictions, and from random starts if the user asks for any.
static enum status refine_first(struct group *group, struct fit *fit, const struct predictions *predictions)
{
    double *objective;
    TRY(memory_alloc((size_t)group->sets * sizeof *objective, (void **)&objective));
    refine(group, fit, predictions->refine, group->weights, objective);
    enum status status = STATUS_OK;
    if (predictions->starts > 0)
        status = try_random_starts(group, fit, predictions, objective);
    memory_free((void **)&objective);
    return status;
}

// Estimates the noise of one set from the residuals of its refined weights, which were fitted with
// group->sigma. prediction->sigma is NaN if too few values of y are left.
static enum status estimate_sigma(struct group *group, int set)
{
    struct prediction *prediction = &group->prediction[set];
    const struct pairs *pairs = prediction->pairs;
    int values = pairs->count * pairs->outputs;
    double min = min_estimate * fit_sigma(&group->task, pairs_of(group, set));
    bool found;
    TRY(set_fit(group, pairs, group->refined + set * unknowns_of(group), &prediction->fit));
    TRY(fit_errors_compute(&group->task, pairs_of(group, set), group->sigma[set], prediction->fit.weights,
                           &prediction->errors, &found));
    double free_values = values - prediction->errors.effective, rms = prediction->fit.rms;
    fit_errors_free(&prediction->errors);
    prediction->sigma = NAN;
    if (found && free_values >= 1) {
        double estimate = rms * sqrt(values / free_values);
        prediction->sigma = group->sigma[set] = estimate > min ? estimate : min;
        prediction->min_noise = estimate > min ? 0 : min_estimate * FIT_MIN_NOISE;
    }
    return STATUS_OK;
}

// Continues the fits with the estimated noise, and estimates the noise again at the final weights: the
// continued fit may end in another minimum.
static enum status refine_with_estimates(struct group *group, struct fit *fit, int iterations)
{
    for (int set = 0; set < group->sets; set++)
        TRY(estimate_sigma(group, set));
    refine(group, fit, iterations, group->refined, NULL);
    for (int set = 0; set < group->sets; set++)
        TRY(estimate_sigma(group, set));
    return STATUS_OK;
}

// Compares the residuals with sigma. If the weights are those of the network and noise, the sum of squares /
// sigma^2 has a chi-square distribution with n - t degrees of freedom, n the number of values of y, t the
// number of weights that the pairs determine. Its cube root is nearly normal (Wilson and Hilferty).
static void check_residuals(struct prediction *prediction)
{
    double values = (double)prediction->pairs->count * prediction->pairs->outputs,
           freedom = fmax(values - prediction->errors.effective, 1), variance = 2 / (9 * freedom);
    prediction->residual_ratio = prediction->fit.rms / prediction->sigma * sqrt(values / freedom);
    prediction->poor_fit = cbrt(prediction->residual_ratio * prediction->residual_ratio) >
                           1 - variance + max_deviations * sqrt(variance);
}

static enum status finish_refined(struct group *group, int set)
{
    struct prediction *prediction = &group->prediction[set];
    float *weights = group->refined + set * unknowns_of(group);
    TRY(fit_errors_compute(&group->task, pairs_of(group, set), group->sigma[set], weights,
                           &prediction->errors, &prediction->has_curvature));
    TRY(set_fit(group, prediction->pairs, weights, &prediction->fit));
    prediction->has_errors = prediction->has_curvature && !isnan(prediction->sigma);
    prediction->residual_ratio = NAN;
    if (prediction->has_errors)
        check_residuals(prediction);
    return STATUS_OK;
}

static enum status refine_group(struct group *group, const struct predictions *predictions)
{
    struct fit *fit;
    double noise = predictions->noise;
    group->task.noise = isnan(noise) ? 0 : noise;
    TRY(fit_create(&group->task, &fit));
    enum status status = STATUS_OK;
    for (int set = 0; set < group->sets; set++) {
        group->prediction[set].before = group->prediction[set].fit;
        group->prediction[set].fit = (struct weights_fit){0}; // set_fit allocates a new result
        group->sigma[set] = group->prediction[set].sigma = fit_sigma(&group->task, pairs_of(group, set));
        group->prediction[set].min_noise =
            noise / sqrt(1 + noise * noise) < FIT_MIN_NOISE ? FIT_MIN_NOISE : 0;
    }
    TRY_DONE(refine_first(group, fit, predictions));
    if (isnan(noise))
        TRY_DONE(refine_with_estimates(group, fit, predictions->refine));
    for (int set = 0; set < group->sets; set++)
        TRY_DONE(finish_refined(group, set));
done:
    fit_destroy(&fit);
    return status;
}

// ---- groups ----

static enum status infer_group(const struct group *group, const float *parameters)
{
    struct model_spec description = group->run->model;
    struct model *model;
    description.pairs = group->pairs;
    TRY(model_create(&description, group->sets, 1, &model));
    model_set_parameters(model, parameters);
    model_forward(model, group->sets, group->input, group->weights);
    model_destroy(&model);
    return STATUS_OK;
}

static enum status alloc_group(struct group *group)
{
    size_t sets = (size_t)group->sets, unknowns = (size_t)unknowns_of(group),
           input = sets * (size_t)group->pairs * (size_t)task_pair_width(&group->task);
    TRY(memory_alloc((input + 2 * sets * unknowns) * sizeof(float), (void **)&group->input));
    group->weights = group->input + input;
    group->refined = group->weights + sets * unknowns;
    return memory_alloc(sets * sizeof(double), (void **)&group->sigma);
}

// Writes the pairs of the sets as the model reads them, [x, y].
static void fill_input(const struct group *group)
{
    float *to = group->input;
    for (int set = 0; set < group->sets; set++) {
        const struct pairs *pairs = group->prediction[set].pairs;
        size_t d = (size_t)pairs->inputs, o = (size_t)pairs->outputs;
        for (size_t p = 0; p < (size_t)pairs->count; p++, to += d + o) {
            memcpy(to, pairs->x + p * d, d * sizeof *to);
            memcpy(to + d, pairs->y + p * o, o * sizeof *to);
        }
    }
}

static enum status run_group(struct group *group, const float *parameters,
                             const struct predictions *predictions)
{
    enum status status = STATUS_OK;
    TRY_DONE(alloc_group(group));
    fill_input(group);
    TRY_DONE(infer_group(group, parameters));
    for (int set = 0; set < group->sets; set++)
        TRY_DONE(set_fit(group, group->prediction[set].pairs, group->weights + set * unknowns_of(group),
                         &group->prediction[set].fit));
    if (predictions->refine > 0)
        TRY_DONE(refine_group(group, predictions));
done:
    memory_free((void **)&group->input);
    memory_free((void **)&group->sigma);
    return status;
}

enum status inference_run(const float *parameters, const struct pairs_file *file,
                          struct predictions *predictions)
{
    double start = clock_seconds();
    predictions->count = file->sets;
    predictions->prediction = memory_small((size_t)file->sets * sizeof *predictions->prediction);
    for (int i = 0; i < file->sets; i++)
        predictions->prediction[i].pairs = &file->set[i];
    for (int first = 0; first < file->sets;) {
        struct group group = {.file = predictions->file,
                              .run = predictions->run,
                              .prediction = predictions->prediction + first,
                              .first = first,
                              .pairs = file->set[first].count,
                              .task = predictions->run->task};
        group.task.equations = group.pairs;
        while (first < file->sets && group.sets < SETS_AT_ONCE && file->set[first].count == group.pairs) {
            group.sets++;
            first++;
        }
        TRY(run_group(&group, parameters, predictions));
    }
    predictions->seconds = clock_seconds() - start;
    return STATUS_OK;
}

void inference_free(struct predictions *predictions)
{
    for (int i = 0; predictions->prediction && i < predictions->count; i++) {
        struct prediction *prediction = &predictions->prediction[i];
        free(prediction->fit.weights);
        free(prediction->fit.y);
        free(prediction->before.weights);
        free(prediction->before.y);
        fit_errors_free(&prediction->errors);
    }
    free(predictions->prediction);
    predictions->prediction = NULL;
}
