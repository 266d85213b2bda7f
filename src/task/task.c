#include "task/task.h"

#include "base/memory.h"
#include "kernel/lanes.h"
#include "kernel/random.h"
#include "spec/batch_workspace.h"
#include "task/distribution.h"
#include "task/generator.h"

#include <stdlib.h>

struct task {
    struct task_spec description;
    struct batch_workspace layout;
    int sets;      // of the current batch
    int lanes;     // of it: its arrays are as narrow as it is, whatever there is room for
    int equations; // of each of them
    float *memory;
};

enum status task_create(const struct task_spec *description, int sets, struct task **out)
{
    struct task *task = memory_small(sizeof *task);
    task->description = *description;
    batch_workspace_plan(description, sets, &task->layout);
    enum status status = memory_alloc(task->layout.total * sizeof(float), (void **)&task->memory);
    if (status != STATUS_OK)
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

static float *at(const struct task *task, size_t offset)
{
    return task->memory + offset;
}

static const enum random_purpose purposes[2][3] = {
    [TASK_TRAIN] = {RANDOM_TRAIN_GENERATOR, RANDOM_TRAIN_INPUT, RANDOM_TRAIN_PROBE},
    [TASK_HELD_OUT] = {RANDOM_HELD_OUT_GENERATOR, RANDOM_HELD_OUT_INPUT, RANDOM_HELD_OUT_PROBE},
};

// ---- batches ----

// An equation count of the range for each step, from (seed, step) alone.
static int draw_equations(const struct task_spec *description, int64_t seed, int64_t step)
{
    const struct random_stream stream = {seed, RANDOM_TRAIN_EQUATIONS, step};
    int least = description->equation_range.width[0], most = description->equation_range.width[1];
    float uniform; // in (-1, 1)
    random_uniform(&uniform, &stream, 0, 1);
    return least + (int)((0.5 + 0.5 * (double)uniform) * (most - least + 1));
}

// Number-major columns [count, lanes] to `row` of every set, with so many numbers of its own after each.
static void write_rows(const struct task *task, const float *columns, int count, float *row, size_t stride)
{
    size_t lanes = (size_t)task->lanes;
    for (int set = 0; set < task->sets; set++)
        for (int k = 0; k < count; k++)
            row[(size_t)set * stride + (size_t)k] = columns[(size_t)k * lanes + (size_t)set];
}

// From number-major to the sets of pairs [x1..xd, y1..yo] that the model reads.
static void write_pairs(const struct task *task)
{
    int d = task->description.generator.inputs, o = task->description.generator.outputs, n = task->equations;
    size_t lanes = (size_t)task->lanes, stride = (size_t)(n * (d + o));
    const float *x = at(task, task->layout.inputs), *y = at(task, task->layout.outputs);
    float *pair = at(task, task->layout.pairs);
    for (int p = 0; p < n; p++, pair += d + o) {
        write_rows(task, x + (size_t)(p * d) * lanes, d, pair, stride);
        write_rows(task, y + (size_t)(p * o) * lanes, o, pair + d, stride);
    }
}

// The rows [x1..xd, weights] of mlp-forward.
static void write_questions(const struct task *task)
{
    int d = task->description.generator.inputs, unknowns = generator_unknowns(&task->description.generator);
    float *row = at(task, task->layout.pairs);
    write_rows(task, at(task, task->layout.probes), d, row, (size_t)(d + unknowns));
    write_rows(task, at(task, task->layout.weights), unknowns, row + d, (size_t)(d + unknowns));
}

void task_fill(struct task *task, enum task_part part, int64_t seed, int64_t step, int64_t first, int sets)
{
    const struct task_spec *description = &task->description;
    const struct generator_shape *shape = &description->generator;
    const struct batch_workspace *layout = &task->layout;
    int lanes = lanes_stride(sets), d = shape->inputs, points = description->eval_points;
    float *weights = at(task, layout->weights), *inputs = at(task, layout->inputs),
          *probes = at(task, layout->probes), *scratch = at(task, layout->scratch);
    bool ranged = part == TASK_TRAIN && description->equation_range.count > 0;
    struct random_stream stream = {.seed = seed, .step = step};

    task->sets = sets;
    task->lanes = lanes;
    task->equations = ranged ? draw_equations(description, seed, step) : description->equations;
    stream.purpose = purposes[part][0];
    random_normals(weights, &stream, first, sets, generator_unknowns(shape), lanes);
    generator_scale_weights(shape, weights, lanes);
    if (description->kind != TASK_MLP_FORWARD) {
        stream.purpose = purposes[part][1];
        random_normals(inputs, &stream, first, sets, task->equations * d, lanes);
        distribution_apply(description->inputs, inputs, (size_t)(task->equations * d) * (size_t)lanes);
        generator_apply(shape, weights, inputs, task->equations, lanes, scratch, at(task, layout->outputs));
        if (description->noise > 0)
            distribution_add_noise(description->noise, seed, first, sets, task->equations * shape->outputs,
                                   lanes, at(task, layout->outputs), at(task, layout->noise));
        write_pairs(task);
    }
    if (description->kind != TASK_LINEAR_INVERSE) {
        stream.purpose = purposes[part][2];
        random_normals(probes, &stream, first, sets, points * d, lanes);
        distribution_apply(description->inputs, probes, (size_t)(points * d) * (size_t)lanes);
        generator_apply(shape, weights, probes, points, lanes, scratch, at(task, layout->probe_outputs));
    }
    if (description->kind == TASK_MLP_FORWARD)
        write_questions(task);
}

int task_equations(const struct task *task)
{
    return task->equations;
}

const float *task_weights(const struct task *task, int *stride)
{
    *stride = task->lanes;
    return at(task, task->layout.weights);
}

const float *task_pairs(const struct task *task)
{
    return at(task, task->layout.pairs);
}

// ---- loss and score ----

// output [sets, outputs] -> [outputs, lanes]
static const float *predicted(struct task *task, const float *output)
{
    int outputs = task_outputs(&task->description), lanes = task->lanes;
    float *columns = at(task, task->layout.predicted);
    for (int k = 0; k < outputs; k++)
        for (int set = 0; set < task->sets; set++)
            columns[k * lanes + set] = output[set * outputs + k];
    return columns;
}

// What the model's output itself should be: the weights, or y of one probe.  [outputs, lanes]
static const float *truth(const struct task *task)
{
    bool forward = task->description.kind == TASK_MLP_FORWARD;
    return at(task, forward ? task->layout.probe_outputs : task->layout.weights);
}

// Loss [lanes] and gradient [outputs, lanes] of each generator, of y under the predicted weights.
static void functional_loss(struct task *task, const float *output, float scale)
{
    const struct batch_workspace *layout = &task->layout;
    generator_loss(&task->description.generator, predicted(task, output), at(task, layout->probes),
                   at(task, layout->probe_outputs), task->description.eval_points, task->lanes, scale,
                   at(task, layout->scratch), at(task, layout->loss), at(task, layout->gradient));
}

// The same, of the output itself.
static void direct_loss(struct task *task, const float *output, float scale)
{
    int outputs = task_outputs(&task->description), lanes = task->lanes;
    const float *guess = predicted(task, output), *target = truth(task);
    float *loss = at(task, task->layout.loss), *gradient = at(task, task->layout.gradient);
    float each = 2 * scale / (float)outputs;
    for (int i = 0; i < lanes; i++)
        loss[i] = 0;
    for (int k = 0; k < outputs; k++)
        for (int i = k * lanes; i < (k + 1) * lanes; i++) {
            float error = guess[i] - target[i];
            loss[i - k * lanes] += error * error / (float)outputs;
            gradient[i] = each * error;
        }
}

static bool is_functional(const struct task *task)
{
    return task->description.kind == TASK_MLP_INVERSE;
}

void task_loss(struct task *task, const float *output, float scale, int each, double *loss,
               float *output_gradient)
{
    const struct batch_workspace *layout = &task->layout;
    const float *gradient = at(task, layout->gradient), *losses = at(task, layout->loss);
    int outputs = task_outputs(&task->description);
    if (is_functional(task) && task->description.objective == OBJECTIVE_FUNCTIONAL)
        functional_loss(task, output, scale);
    else
        direct_loss(task, output, scale);
    for (int set = 0; set < task->sets; set++) {
        if (set % each == 0)
            loss[set / each] = 0;
        loss[set / each] += (double)losses[set];
        for (int k = 0; k < outputs; k++)
            output_gradient[set * outputs + k] = gradient[k * task->lanes + set];
    }
}

void task_scores(struct task *task, const float *output, struct task_score *score)
{
    const struct batch_workspace *layout = &task->layout;
    const float *loss = at(task, layout->loss), *target = truth(task);
    size_t lanes = (size_t)task->lanes;
    int numbers = task_outputs(&task->description);
    if (is_functional(task)) {
        functional_loss(task, output, 0);
        target = at(task, layout->probe_outputs);
        numbers = task->description.eval_points * task->description.generator.outputs;
    } else {
        direct_loss(task, output, 0);
    }
    for (int set = 0; set < task->sets; set++) {
        score[set] = (struct task_score){.squared_error = (double)loss[set]};
        for (int k = 0; k < numbers; k++) {
            double value = (double)target[(size_t)k * lanes + (size_t)set];
            score[set].mean += value / numbers;
            score[set].mean_square += value * value / numbers;
        }
    }
}
