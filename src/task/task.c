#include "task/task.h"

#include "base/memory.h"
#include "kernel/random.h"
#include "spec/batch_workspace.h"
#include "spec/buffer_sizes.h"
#include "task/distribution.h"
#include "task/generator.h"

#include <stdlib.h>

struct task {
    struct task_spec spec;
    struct batch_workspace workspace;
    int sets;      // of the current batch
    int lanes;     // row length of the current batch's arrays: sets, padded to whole vectors
    int equations; // per set of the current batch
    float *memory;
};

enum status task_create(const struct task_spec *spec, int sets, struct task **out)
{
    struct task *task = memory_small(sizeof *task);
    task->spec = *spec;
    enum status status = memory_alloc(batch_workspace_bytes(spec, sets), (void **)&task->memory);
    if (status == STATUS_OK)
        batch_workspace_plan(spec, sets, task->memory, &task->workspace);
    else
        task_destroy(&task);
    *out = task;
    return status;
}

void task_destroy(struct task **task)
{
    if (!*task)
        return;
    memory_free((void **)&(*task)->memory);
    free(*task);
    *task = NULL;
}

static const enum random_purpose purposes[2][3] = {
    [TASK_TRAIN] = {RANDOM_TRAIN_GENERATOR, RANDOM_TRAIN_INPUT, RANDOM_TRAIN_PROBE},
    [TASK_HELD_OUT] = {RANDOM_HELD_OUT_GENERATOR, RANDOM_HELD_OUT_INPUT, RANDOM_HELD_OUT_PROBE},
};

// ---- batches ----

// Draws the number of equations of a step as a function of (seed, step).
static int draw_equations(const struct task_spec *spec, int64_t seed, int64_t step)
{
    const struct random_stream stream = {seed, RANDOM_TRAIN_EQUATIONS, step};
    int min = spec->equation_range.width[0], max = spec->equation_range.width[1];
    float uniform = 0; // in (-1, 1)
    random_uniform(&uniform, &stream, 0, 1);
    return min + (int)((0.5 + 0.5 * (double)uniform) * (max - min + 1));
}

// Copies columns [count, lanes] to one row of `count` values per set; rows of consecutive sets are `stride`
// apart.
static void write_rows(const struct task *task, const float *columns, int count, float *row, size_t stride)
{
    size_t lanes = (size_t)task->lanes;
    for (int set = 0; set < task->sets; set++)
        for (int k = 0; k < count; k++)
            row[(size_t)set * stride + (size_t)k] = columns[(size_t)k * lanes + (size_t)set];
}

// Writes the model input: sets of pairs [x1..xd, y1..yo].
static void write_pairs(const struct task *task)
{
    int d = task->spec.generator.inputs, o = task->spec.generator.outputs, n = task->equations;
    size_t lanes = (size_t)task->lanes, stride = (size_t)(n * (d + o));
    const float *x = task->workspace.inputs, *y = task->workspace.outputs;
    float *pair = task->workspace.pairs;
    for (int p = 0; p < n; p++, pair += d + o) {
        write_rows(task, x + (size_t)(p * d) * lanes, d, pair, stride);
        write_rows(task, y + (size_t)(p * o) * lanes, o, pair + d, stride);
    }
}

// Writes the model input of a task without pairs: rows [x1..xd, weights].
static void write_forward_rows(const struct task *task)
{
    int d = task->spec.generator.inputs, unknowns = generator_unknowns(&task->spec.generator);
    float *row = task->workspace.pairs;
    write_rows(task, task->workspace.probes, d, row, (size_t)(d + unknowns));
    write_rows(task, task->workspace.weights, unknowns, row + d, (size_t)(d + unknowns));
}

static struct distribution_noise noise_of(const struct task_spec *spec, enum task_part part, int64_t seed,
                                          int64_t step)
{
    const struct reals *range = &spec->training_noise;
    struct distribution_noise noise = {
        .stream = {seed, RANDOM_HELD_OUT_NOISE, step}, .min = spec->noise, .max = spec->noise};
    if (part == TASK_TRAIN) {
        noise.stream.purpose = RANDOM_TRAIN_NOISE;
        noise.level_purpose = RANDOM_TRAIN_NOISE_LEVEL;
        noise.min = range->count > 0 ? range->real[0] : 0;
        noise.max = range->count > 0 ? range->real[range->count - 1] : 0;
    }
    return noise;
}

void task_fill(struct task *task, enum task_part part, int64_t seed, int64_t step, int64_t first, int sets)
{
    const struct task_spec *spec = &task->spec;
    const struct generator_shape *shape = &spec->generator;
    const struct batch_workspace *workspace = &task->workspace;
    int lanes = lanes_stride(sets), d = shape->inputs, points = spec->eval_points;
    float *weights = workspace->weights, *inputs = workspace->inputs, *probes = workspace->probes,
          *scratch = workspace->scratch;
    bool ranged = part == TASK_TRAIN && spec->equation_range.count > 0;
    struct random_stream stream = {.seed = seed, .step = step};

    task->sets = sets;
    task->lanes = lanes;
    task->equations = ranged ? draw_equations(spec, seed, step) : spec->equations;
    stream.purpose = purposes[part][0];
    random_normals(weights, &stream, first, sets, generator_unknowns(shape), lanes);
    generator_scale_weights(shape, weights, lanes);
    if (task_reads_pairs(spec)) {
        stream.purpose = purposes[part][1];
        random_normals(inputs, &stream, first, sets, task->equations * d, lanes);
        distribution_apply(spec->inputs, inputs, (size_t)(task->equations * d) * (size_t)lanes);
        generator_apply(shape, weights, inputs, task->equations, lanes, scratch, workspace->outputs);
        const struct distribution_noise noise = noise_of(spec, part, seed, step);
        if (noise.max > 0)
            distribution_add_noise(&noise, first, sets, task->equations * shape->outputs, lanes,
                                   workspace->outputs, workspace->noise);
        write_pairs(task);
    }
    if (task_is_functional(spec) || !task_reads_pairs(spec)) {
        stream.purpose = purposes[part][2];
        random_normals(probes, &stream, first, sets, points * d, lanes);
        distribution_apply(spec->inputs, probes, (size_t)(points * d) * (size_t)lanes);
        generator_apply(shape, weights, probes, points, lanes, scratch, workspace->probe_outputs);
    }
    if (!task_reads_pairs(spec))
        write_forward_rows(task);
}

int task_equations(const struct task *task)
{
    return task->equations;
}

const float *task_weights(const struct task *task, int *stride)
{
    *stride = task->lanes;
    return task->workspace.weights;
}

const float *task_pairs(const struct task *task)
{
    return task->workspace.pairs;
}

// ---- loss and score ----

// Transposes the model's output [sets, outputs] to [outputs, lanes].
static const float *predicted(struct task *task, const float *output)
{
    int outputs = task_outputs(&task->spec), lanes = task->lanes;
    float *columns = task->workspace.predicted;
    for (int k = 0; k < outputs; k++)
        for (int set = 0; set < task->sets; set++)
            columns[k * lanes + set] = output[set * outputs + k];
    return columns;
}

// True values of the model's output: the weights, or y of one probe.  [outputs, lanes]
static const float *output_target(const struct task *task)
{
    return task_reads_pairs(&task->spec) ? task->workspace.weights : task->workspace.probe_outputs;
}

// Computes loss [lanes] and gradient [outputs, lanes] of y under the predicted weights.
static void functional_loss(struct task *task, const float *output, float scale)
{
    const struct batch_workspace *workspace = &task->workspace;
    generator_loss(&task->spec.generator, predicted(task, output), workspace->probes,
                   workspace->probe_outputs, task->spec.eval_points, task->lanes, scale, workspace->scratch,
                   workspace->loss, workspace->gradient);
}

// Computes loss [lanes] and gradient [outputs, lanes] of the output itself.
static void output_loss(struct task *task, const float *output, float scale)
{
    int outputs = task_outputs(&task->spec), lanes = task->lanes;
    const float *prediction = predicted(task, output), *target = output_target(task);
    float *loss = task->workspace.loss, *gradient = task->workspace.gradient;
    float gradient_scale = 2 * scale / (float)outputs;
    for (int i = 0; i < lanes; i++)
        loss[i] = 0;
    for (int k = 0; k < outputs; k++)
        for (int i = k * lanes; i < (k + 1) * lanes; i++) {
            float error = prediction[i] - target[i];
            loss[i - k * lanes] += error * error / (float)outputs;
            gradient[i] = gradient_scale * error;
        }
}

#define LOSS(NAME, word, loss, ...) [TASK_##NAME] = loss,
static void (*const loss_functions[TASK_KINDS])(struct task *task, const float *output,
                                                float scale) = {TASKS(LOSS)};

void task_loss(struct task *task, const float *output, float scale, int shard_sets, double *loss,
               float *output_gradient)
{
    const struct batch_workspace *workspace = &task->workspace;
    const float *gradient = workspace->gradient, *losses = workspace->loss;
    int outputs = task_outputs(&task->spec);
    if (task_is_functional(&task->spec) && task->spec.objective == OBJECTIVE_WEIGHTS)
        output_loss(task, output, scale);
    else
        loss_functions[task->spec.kind](task, output, scale);
    for (int set = 0; set < task->sets; set++) {
        if (set % shard_sets == 0)
            loss[set / shard_sets] = 0;
        loss[set / shard_sets] += (double)losses[set];
        for (int k = 0; k < outputs; k++)
            output_gradient[set * outputs + k] = gradient[k * task->lanes + set];
    }
}

// Sets the means of the truth of one set, whose `values` values are `lanes` apart.
static void score_truth(const float *target, int values, size_t lanes, struct task_score *score)
{
    for (int k = 0; k < values; k++) {
        double value = (double)target[(size_t)k * lanes];
        score->mean += value / values;
        score->mean_square += value * value / values;
    }
}

void task_scores(struct task *task, const float *output, struct task_score *score)
{
    const struct batch_workspace *workspace = &task->workspace;
    const float *loss = workspace->loss, *target = output_target(task);
    int values = task_outputs(&task->spec);
    loss_functions[task->spec.kind](task, output, 0);
    if (task_is_functional(&task->spec)) {
        target = workspace->probe_outputs;
        values = task->spec.eval_points * task->spec.generator.outputs;
    }
    for (int set = 0; set < task->sets; set++) {
        score[set] = (struct task_score){.squared_error = (double)loss[set]};
        score_truth(target + set, values, (size_t)task->lanes, &score[set]);
    }
}

const float *task_probes(const struct task *task, int *stride)
{
    *stride = task->lanes;
    return task->workspace.probes;
}

void task_score_outputs(const struct task *task, int set, const double *y, struct task_score *score)
{
    int values = task->spec.eval_points * task->spec.generator.outputs;
    const float *target = task->workspace.probe_outputs + set;
    *score = (struct task_score){0};
    for (int k = 0; k < values; k++) {
        double error = y[k] - (double)target[(size_t)k * (size_t)task->lanes];
        score->squared_error += error * error / values;
    }
    score_truth(target, values, (size_t)task->lanes, score);
}
