#include "task/fit.h"

#include "base/memory.h"
#include "kernel/batched.h"
#include "kernel/random.h"
#include "spec/fit_spec.h"
#include "task/generator_jacobian.h"
#include "task/levenberg.h"

#include <math.h>
#include <stdlib.h>

struct fit {
    struct task_spec task;
    int unknowns;
    struct levenberg *solver;
    struct generator_pairs pairs; // scale: 1 / sigma
    double *precision;            // [unknowns]
    double *memory;
    float *normals; // [unknowns]
};

static enum status alloc_buffers(struct fit *fit)
{
    const struct generator_shape *shape = &fit->task.generator;
    size_t pairs = generator_jacobian_doubles(shape, fit->task.equations), unknowns = (size_t)fit->unknowns;
    TRY(memory_alloc((pairs + unknowns) * sizeof(double), (void **)&fit->memory));
    TRY(memory_alloc(unknowns * sizeof(float), (void **)&fit->normals));
    fit->precision = generator_jacobian_init(&fit->pairs, shape, fit->task.equations, fit->memory);
    fit_precision(shape, fit->precision);
    const struct least_squares_problem problem = generator_jacobian_problem(&fit->pairs, fit->precision);
    return levenberg_create(&problem, &fit->solver);
}

enum status fit_create(const struct task_spec *task, struct fit **out)
{
    struct fit *fit = memory_small(sizeof *fit);
    fit->task = *task;
    fit->unknowns = generator_unknowns(&task->generator);
    *out = fit;
    enum status status = alloc_buffers(fit);
    if (status != STATUS_OK)
        fit_destroy(out);
    return status;
}

void fit_destroy(struct fit **fit)
{
    if (!*fit)
        return;
    levenberg_destroy(&(*fit)->solver);
    memory_free((void **)&(*fit)->memory);
    memory_free((void **)&(*fit)->normals);
    free(*fit);
    *fit = NULL;
}

double fit_sigma(const struct task_spec *task, const float *pairs)
{
    int n = task->equations, d = task->generator.inputs, o = task->generator.outputs;
    double mean = 0, variance = 0, noise = task->noise / sqrt(1 + task->noise * task->noise);
    bool constant = true; // then rounding of the mean leaves a variance above 0
    for (int p = 0; p < n; p++)
        for (int k = 0; k < o; k++) {
            constant &= pairs[p * (d + o) + d + k] == pairs[d];
            mean += (double)pairs[p * (d + o) + d + k] / (n * o);
        }
    for (int p = 0; p < n; p++)
        for (int k = 0; k < o; k++) {
            double difference = (double)pairs[p * (d + o) + d + k] - mean;
            variance += difference * difference / (n * o);
        }
    return (noise > FIT_MIN_NOISE ? noise : FIT_MIN_NOISE) * (constant ? 1 : sqrt(variance));
}

// Copies set `set` to system l.
static void load_set(struct fit *fit, const struct fit_sets *sets, int set, int l)
{
    const float *pairs =
        sets->pairs + (size_t)set * (size_t)(fit->task.equations * task_pair_width(&fit->task));
    fit->pairs.scale[l] = 1 / (sets->sigma ? sets->sigma[set] : fit_sigma(&fit->task, pairs));
    generator_jacobian_load(&fit->pairs, pairs, l);
}

static void draw_start(struct fit *fit, const struct fit_starts *starts, int set, int start, int l)
{
    const struct random_stream stream = {.seed = starts->seed, .purpose = RANDOM_FIT_START, .step = start};
    double *weights = levenberg_weights(fit->solver);
    random_normals(fit->normals, &stream, starts->first + set, 1, fit->unknowns, 1);
    for (int k = 0; k < fit->unknowns; k++)
        weights[k * BATCHED + l] = (double)fit->normals[k] / sqrt(fit->precision[k]);
}

static void save_weights(struct fit *fit, int l, float *weights)
{
    for (int k = 0; k < fit->unknowns; k++)
        weights[k] = (float)levenberg_weights(fit->solver)[k * BATCHED + l];
}

void fit_random_starts(struct fit *fit, const struct fit_sets *sets, const struct fit_starts *starts,
                       float *weights)
{
    int64_t fits = (int64_t)sets->count * starts->starts;
    double best = INFINITY;
    for (int64_t first = 0; first < fits; first += BATCHED) {
        for (int l = 0; l < BATCHED; l++) { // beyond the end the last fit is repeated
            int64_t which = first + l < fits ? first + l : fits - 1;
            load_set(fit, sets, (int)(which / starts->starts), l);
            draw_start(fit, starts, (int)(which / starts->starts), (int)(which % starts->starts), l);
        }
        levenberg_start(fit->solver);
        for (int i = 0; i < starts->iterations; i++) {
            if (sets->stop(sets->context))
                return;
            levenberg_iterate(fit->solver);
        }
        for (int l = 0; l < BATCHED && first + l < fits; l++) {
            int64_t which = first + l;
            double objective = levenberg_objective(fit->solver)[l];
            if (which % starts->starts != 0 && !(objective < best) && !isnan(best))
                continue;
            best = objective;
            if (sets->objective)
                sets->objective[which / starts->starts] = objective;
            save_weights(fit, l, weights + which / starts->starts * fit->unknowns);
        }
    }
}

// Saves the weights of the current sets, which begin with set `first` of `count`.
static void save_batch(struct fit *fit, int count, int first, float *weights)
{
    for (int l = 0; l < BATCHED && first + l < count; l++)
        save_weights(fit, l, weights + (size_t)(first + l) * (size_t)fit->unknowns);
}

void fit_refine(struct fit *fit, const struct fit_sets *sets, const float *start,
                const struct widths *iterations, float *weights)
{
    for (int first = 0; first < sets->count; first += BATCHED) {
        for (int l = 0; l < BATCHED; l++) {
            int set = first + l < sets->count ? first + l : sets->count - 1;
            load_set(fit, sets, set, l);
            for (int k = 0; k < fit->unknowns; k++)
                levenberg_weights(fit->solver)[k * BATCHED + l] = (double)start[set * fit->unknowns + k];
        }
        levenberg_start(fit->solver);
        for (int done = 1; done <= widths_max(iterations); done++) {
            if (sets->stop(sets->context))
                return;
            levenberg_iterate(fit->solver);
            for (int i = 0; i < iterations->count; i++)
                if (iterations->width[i] == done)
                    save_batch(fit, sets->count, first, weights + (size_t)(i * sets->count * fit->unknowns));
        }
        for (int l = 0; sets->objective && l < BATCHED && first + l < sets->count; l++)
            sets->objective[first + l] = levenberg_objective(fit->solver)[l];
    }
}
