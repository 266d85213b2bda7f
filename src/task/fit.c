#include "task/fit.h"

#include "base/memory.h"
#include "kernel/lanes.h"
#include "kernel/least_squares.h"
#include "kernel/random.h"
#include "spec/batch_workspace.h"
#include "task/generator.h"

#include <math.h>
#include <stdlib.h>

// All restarts run at once, one restart per lane.
enum { RESTARTS = FIT_RESTARTS, STEPS_BETWEEN_POLLS = 20 };
static const double learning_rate = 0.03;
_Static_assert(RESTARTS % LANES == 0, "restarts fill whole vectors");

struct fit {
    struct task_spec task;
    int unknowns;
    // Buffers of fit_descend, one restart per lane.
    float *x, *y;                                      // [n d, RESTARTS], [n o, RESTARTS]
    float *weights, *first, *second, *gradient, *loss; // [unknowns, RESTARTS]; loss [RESTARTS]
    float *scratch;                                    // [generator_scratch, LANES]
    float *memory;
    // Buffers of fit_least_squares; a, b: column-major.
    double *a, *b, *work; // [n, d], [max(n, d), o], [least_squares_work]
    double *doubles;
};

static enum status alloc_descent(struct fit *fit)
{
    size_t n = (size_t)fit->task.equations, d = (size_t)fit->task.generator.inputs,
           o = (size_t)fit->task.generator.outputs, unknowns = (size_t)fit->unknowns,
           scratch = (size_t)generator_scratch(&fit->task.generator) * LANES;
    size_t floats = (n * (d + o) + 4 * unknowns + 1) * RESTARTS + scratch;
    TRY(memory_alloc(floats * sizeof(float), (void **)&fit->memory));
    float **const parts[] = {&fit->x,      &fit->y,        &fit->weights, &fit->first,
                             &fit->second, &fit->gradient, &fit->loss};
    const size_t rows[] = {n * d, n * o, unknowns, unknowns, unknowns, unknowns, 1};
    float *next = fit->memory;
    for (int i = 0; i < 7; next += rows[i++] * RESTARTS)
        *parts[i] = next;
    fit->scratch = next;
    return STATUS_OK;
}

static enum status alloc_least_squares(struct fit *fit)
{
    int n = fit->task.equations, d = fit->task.generator.inputs, o = fit->task.generator.outputs;
    size_t a = (size_t)n * (size_t)d, b = (size_t)(n > d ? n : d) * (size_t)o;
    TRY(memory_alloc((a + b + least_squares_work(n, d)) * sizeof(double), (void **)&fit->doubles));
    fit->a = fit->doubles;
    fit->b = fit->a + a;
    fit->work = fit->b + b;
    return STATUS_OK;
}

enum status fit_create(const struct task_spec *task, struct fit **out)
{
    struct fit *fit = memory_small(sizeof *fit);
    fit->task = *task;
    fit->unknowns = generator_unknowns(&task->generator);
    enum status status = task->kind == TASK_LINEAR_INVERSE ? alloc_least_squares(fit) : alloc_descent(fit);
    *out = fit;
    if (status != STATUS_OK)
        fit_destroy(out);
    return status;
}

void fit_destroy(struct fit **fit)
{
    if (!*fit)
        return;
    memory_free((void **)&(*fit)->memory);
    memory_free((void **)&(*fit)->doubles);
    free(*fit);
    *fit = NULL;
}

// ---- least squares ----

void fit_least_squares(struct fit *fit, const float *pairs, float *weights)
{
    int n = fit->task.equations, d = fit->task.generator.inputs, o = fit->task.generator.outputs,
        rows = n > d ? n : d;
    for (int p = 0; p < n; p++, pairs += d + o) {
        for (int i = 0; i < d; i++)
            fit->a[(size_t)i * (size_t)n + (size_t)p] = (double)pairs[i];
        for (int i = 0; i < o; i++)
            fit->b[(size_t)i * (size_t)rows + (size_t)p] = (double)pairs[d + i];
    }
    least_squares(fit->a, fit->b, n, d, o, fit->work);
    for (int i = 0; i < d; i++)
        for (int k = 0; k < o; k++)
            weights[i * o + k] = (float)fit->b[(size_t)k * (size_t)rows + (size_t)i];
}

// ---- descent ----

static void fill_lanes(float *row, float value)
{
    for (int lane = 0; lane < RESTARTS; lane++)
        row[lane] = value;
}

static void start_descent(struct fit *fit, int64_t seed, int64_t index, const float *pairs)
{
    int n = fit->task.equations, d = fit->task.generator.inputs, o = fit->task.generator.outputs;
    float *x = fit->x, *y = fit->y;
    for (int p = 0; p < n; p++) {
        for (int i = 0; i < d; i++, x += RESTARTS)
            fill_lanes(x, *pairs++);
        for (int i = 0; i < o; i++, y += RESTARTS)
            fill_lanes(y, *pairs++);
    }
    const struct random_stream stream = {.seed = seed, .purpose = RANDOM_FIT_START};
    random_normals(fit->weights, &stream, index * RESTARTS, RESTARTS, fit->unknowns, RESTARTS);
    generator_scale_weights(&fit->task.generator, fit->weights, RESTARTS);
    for (int i = 0; i < fit->unknowns * RESTARTS; i++)
        fit->first[i] = fit->second[i] = 0;
}

CLONES
static void adam(float *restrict weights, float *restrict first, float *restrict second,
                 const float *restrict gradient, int count, int step)
{
    const float step_size =
        (float)(learning_rate * (1 + cos(M_PI * step / FIT_STEPS)) / 2 / (1 - pow(0.9, step + 1)));
    const float correction = (float)(1 / (1 - pow(0.999, step + 1)));
    for (int i = 0; i < count; i++) {
        first[i] = 0.9f * first[i] + 0.1f * gradient[i];
        second[i] = 0.999f * second[i] + 0.001f * gradient[i] * gradient[i];
        weights[i] -= step_size * first[i] / (sqrtf(correction * second[i]) + 1e-8f);
    }
}

static void compute_loss(struct fit *fit)
{
    generator_loss(&fit->task.generator, fit->weights, fit->x, fit->y, fit->task.equations, RESTARTS, 1,
                   fit->scratch, fit->loss, fit->gradient);
}

void fit_descend(struct fit *fit, int64_t seed, int64_t index, const float *pairs,
                 bool (*stop)(void *context), void *context, float *weights)
{
    start_descent(fit, seed, index, pairs);
    for (int step = 0; step < FIT_STEPS; step++) {
        if (step % STEPS_BETWEEN_POLLS == 0 && stop(context))
            return;
        compute_loss(fit);
        adam(fit->weights, fit->first, fit->second, fit->gradient, fit->unknowns * RESTARTS, step);
    }
    compute_loss(fit);
    int best = 0;
    for (int lane = 1; lane < RESTARTS; lane++)
        if (fit->loss[lane] < fit->loss[best])
            best = lane;
    for (int k = 0; k < fit->unknowns; k++)
        weights[k] = fit->weights[k * RESTARTS + best];
}
