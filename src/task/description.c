#include "task/description.h"

#include <math.h>

int generator_unknowns(const struct generator_shape *shape)
{
    int unknowns = 0;
    int fan_in = shape->inputs;
    for (int layer = 0; layer < shape->hidden.count; layer++) {
        unknowns += fan_in * shape->hidden.width[layer];
        fan_in = shape->hidden.width[layer];
    }
    return unknowns + fan_in; // one output
}

bool generator_shape_of(int unknowns, struct generator_shape *shape)
{
    double best = INFINITY;
    for (int d = 2; 2 * (d + 1) <= unknowns; d++) {
        if (unknowns % (d + 1) != 0)
            continue;
        int h = unknowns / (d + 1);
        double distance = fabs((double)h / d - 2.5);
        if (distance < best) {
            best = distance;
            shape->inputs = d;
            shape->hidden = (struct widths){.count = 1, .width = {h}};
        }
    }
    return best < INFINITY;
}

int task_pair_width(const struct task_description *task)
{
    return task->generator.inputs + 1;
}

int task_outputs(const struct task_description *task)
{
    return generator_unknowns(&task->generator);
}
