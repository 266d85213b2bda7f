#include "task/layout.h"

#include "kernel/lanes.h"

void task_layout(const struct task_description *task, int sets, struct task_layout *layout)
{
    size_t lanes = (size_t)lanes_stride(sets);
    size_t d = (size_t)task->generator.inputs, n = (size_t)task->equations,
           points = (size_t)task->eval_points;
    size_t unknowns = (size_t)generator_unknowns(&task->generator);
    size_t total = 0;
    layout->lanes = (int)lanes;
#define TAKE(field, rows) (layout->field = total, total += (rows)*lanes)
    TAKE(weights, unknowns);
    TAKE(inputs, n * d);
    TAKE(outputs, n);
    TAKE(probes, points * d);
    TAKE(probe_outputs, points);
    TAKE(predicted, unknowns);
    TAKE(gradient, unknowns);
    TAKE(loss, 1);
    TAKE(pairs, n * (d + 1));
#undef TAKE
    layout->total = total;
}

size_t task_batch_bytes(const struct task_description *task, int sets)
{
    struct task_layout layout;
    task_layout(task, sets, &layout);
    return layout.total * sizeof(float);
}
