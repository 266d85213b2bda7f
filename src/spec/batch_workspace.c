#include "spec/batch_workspace.h"

#include "spec/buffer_sizes.h"

int generator_units(const struct generator_shape *shape)
{
    return widths_sum(&shape->hidden);
}

int generator_widest(const struct generator_shape *shape)
{
    int hidden = widths_max(&shape->hidden);
    return hidden > shape->outputs ? hidden : shape->outputs;
}

int generator_scratch(const struct generator_shape *shape)
{
    return 2 * generator_units(shape) + 2 * generator_widest(shape);
}

void batch_workspace_plan(const struct task_spec *task, int sets, struct batch_workspace *workspace)
{
    const struct generator_shape *shape = &task->generator;
    size_t lanes = (size_t)lanes_stride(sets);
    size_t d = (size_t)shape->inputs, o = (size_t)shape->outputs;
    size_t n = (size_t)task_max_equations(task), points = (size_t)task->eval_points;
    size_t unknowns = (size_t)generator_unknowns(shape), predictions = (size_t)task_outputs(task);
    size_t total = 0;
#define TAKE(field, rows) (workspace->field = total, total += (rows)*lanes)
    TAKE(weights, unknowns);
    TAKE(inputs, n * d);
    TAKE(outputs, n * o);
    TAKE(probes, points * d);
    TAKE(probe_outputs, points * o);
    TAKE(predicted, predictions);
    TAKE(gradient, predictions);
    TAKE(loss, 1);
    TAKE(noise, task->noise > 0 ? n * o : 0);
    TAKE(pairs, n * (size_t)task_pair_width(task));
#undef TAKE
    workspace->scratch = total;
    total += (size_t)generator_scratch(shape) * LANES;
    workspace->total = total;
}

size_t batch_workspace_bytes(const struct task_spec *task, int sets)
{
    struct batch_workspace workspace;
    batch_workspace_plan(task, sets, &workspace);
    return workspace.total * sizeof(float);
}
