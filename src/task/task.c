#include "task/task.h"

#include "base/memory.h"
#include "kernel/random.h"
#include "task/generator.h"
#include "task/layout.h"

#include <stdlib.h>

struct task {
    struct task_description description;
    struct task_layout layout;
    int sets; // of the current batch
    float *memory;
};

enum status task_create(const struct task_description *description, int sets, struct task **out)
{
    struct task *task = memory_small(sizeof *task);
    task->description = *description;
    task_layout(description, sets, &task->layout);
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

// From number-major to the sets of pairs [x1..xd, y] that the model reads.
static void write_pairs(const struct task *task)
{
    int d = task->description.generator.inputs, n = task->description.equations, lanes = task->layout.lanes;
    const float *x = at(task, task->layout.inputs), *y = at(task, task->layout.outputs);
    float *pair = at(task, task->layout.pairs);
    for (int set = 0; set < task->sets; set++)
        for (int p = 0; p < n; p++) {
            for (int i = 0; i < d; i++)
                *pair++ = x[(size_t)(p * d + i) * (size_t)lanes + set];
            *pair++ = y[(size_t)p * (size_t)lanes + set];
        }
}

void task_fill(struct task *task, enum task_part part, int64_t seed, int64_t step, int64_t first, int sets)
{
    const struct task_description *description = &task->description;
    const struct generator_shape *shape = &description->generator;
    const struct task_layout *layout = &task->layout;
    int lanes = layout->lanes, d = shape->inputs, n = description->equations,
        points = description->eval_points;
    float *weights = at(task, layout->weights), *inputs = at(task, layout->inputs),
          *probes = at(task, layout->probes);
    struct random_stream stream = {.seed = seed, .step = step};

    task->sets = sets;
    stream.purpose = purposes[part][0];
    random_normals(weights, &stream, first, sets, generator_unknowns(shape), lanes);
    generator_scale_weights(shape, weights, lanes);
    stream.purpose = purposes[part][1];
    random_normals(inputs, &stream, first, sets, n * d, lanes);
    generator_apply(shape, weights, inputs, n, lanes, at(task, layout->outputs));
    stream.purpose = purposes[part][2];
    random_normals(probes, &stream, first, sets, points * d, lanes);
    generator_apply(shape, weights, probes, points, lanes, at(task, layout->probe_outputs));
    write_pairs(task);
}

const float *task_pairs(const struct task *task)
{
    return at(task, task->layout.pairs);
}

// output [sets, unknowns] -> [unknowns, lanes]
static float *predicted_weights(struct task *task, const float *output)
{
    int unknowns = task_outputs(&task->description), lanes = task->layout.lanes;
    float *predicted = at(task, task->layout.predicted);
    for (int k = 0; k < unknowns; k++)
        for (int set = 0; set < task->sets; set++)
            predicted[k * lanes + set] = output[set * unknowns + k];
    return predicted;
}

double task_loss(struct task *task, const float *output, float scale, float *output_gradient)
{
    const struct task_layout *layout = &task->layout;
    int unknowns = task_outputs(&task->description), lanes = layout->lanes;
    float *gradient = at(task, layout->gradient), *loss = at(task, layout->loss);
    generator_loss(&task->description.generator, predicted_weights(task, output), at(task, layout->probes),
                   at(task, layout->probe_outputs), task->description.eval_points, lanes, scale, loss,
                   gradient);
    double sum = 0;
    for (int set = 0; set < task->sets; set++) {
        sum += (double)loss[set];
        for (int k = 0; k < unknowns; k++)
            output_gradient[set * unknowns + k] = gradient[k * lanes + set];
    }
    return sum;
}

void task_scores(struct task *task, const float *output, struct task_score *score)
{
    const struct task_layout *layout = &task->layout;
    int points = task->description.eval_points, lanes = layout->lanes;
    const float *y = at(task, layout->probe_outputs);
    float *loss = at(task, layout->loss);
    generator_loss(&task->description.generator, predicted_weights(task, output), at(task, layout->probes), y,
                   points, lanes, 0, loss, at(task, layout->gradient));
    for (int set = 0; set < task->sets; set++) {
        score[set] = (struct task_score){.squared_error = (double)loss[set]};
        for (int p = 0; p < points; p++) {
            double value = (double)y[p * lanes + set];
            score[set].mean += value / points;
            score[set].mean_square += value * value / points;
        }
    }
}
