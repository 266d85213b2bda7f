#include "spec/task_spec.h"

#include <math.h>

int generator_unknowns(const struct generator_shape *shape)
{
    int unknowns = 0;
    int fan_in = shape->inputs;
    for (int layer = 0; layer < shape->hidden.count; layer++) {
        unknowns += fan_in * shape->hidden.width[layer];
        fan_in = shape->hidden.width[layer];
    }
    return unknowns + fan_in * shape->outputs;
}

bool generator_default_shape(int unknowns, struct generator_shape *shape)
{
    double best = INFINITY;
    for (int d = 2; 2 * (d + shape->outputs) <= unknowns; d++) {
        if (unknowns % (d + shape->outputs) != 0)
            continue;
        int h = unknowns / (d + shape->outputs);
        double distance = fabs((double)h / d - 2.5);
        if (distance < best) {
            best = distance;
            shape->inputs = d;
            shape->hidden = (struct widths){.count = 1, .width = {h}};
        }
    }
    return best < INFINITY;
}

int task_pair_width(const struct task_spec *task)
{
    const struct generator_shape *shape = &task->generator;
    return shape->inputs + (task_reads_pairs(task) ? shape->outputs : generator_unknowns(shape));
}

int task_max_equations(const struct task_spec *task)
{
    int max = task->equation_range.count ? task->equation_range.width[1] : 0;
    return max > task->equations ? max : task->equations;
}

double task_max_noise(const struct task_spec *task)
{
    double max = task->noise;
    for (int i = 0; i < task->training_noise.count; i++)
        max = task->training_noise.real[i] > max ? task->training_noise.real[i] : max;
    return max;
}

int task_outputs(const struct task_spec *task)
{
    return task_reads_pairs(task) ? generator_unknowns(&task->generator) : task->generator.outputs;
}
