#include "spec/batch_workspace.h"

#include "spec/arena.h"

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

int generator_block_scratch(const struct generator_shape *shape)
{
    return GENERATOR_POINTS * generator_scratch(shape) + 2 * generator_unknowns(shape);
}

size_t batch_workspace_plan(const struct task_spec *task, int sets, float *memory,
                            struct batch_workspace *workspace)
{
    struct arena arena = {.memory = memory};
    const struct generator_shape *shape = &task->generator;
    size_t lanes = (size_t)lanes_stride(sets);
    size_t d = (size_t)shape->inputs, o = (size_t)shape->outputs;
    size_t n = (size_t)task_max_equations(task), points = (size_t)task->eval_points;
    size_t unknowns = (size_t)generator_unknowns(shape), predictions = (size_t)task_outputs(task);
    workspace->weights = arena_floats(&arena, unknowns, lanes);
    workspace->inputs = arena_floats(&arena, n * d, lanes);
    workspace->outputs = arena_floats(&arena, n * o, lanes);
    workspace->probes = arena_floats(&arena, points * d, lanes);
    workspace->probe_outputs = arena_floats(&arena, points * o, lanes);
    workspace->predicted = arena_floats(&arena, predictions, lanes);
    workspace->gradient = arena_floats(&arena, predictions, lanes);
    workspace->loss = arena_floats(&arena, 1, lanes);
    workspace->noise = arena_floats(&arena, task_max_noise(task) > 0 ? n * o : 0, lanes);
    workspace->pairs = arena_floats(&arena, n * (size_t)task_pair_width(task), lanes);
    workspace->scratch = arena_floats(&arena, (size_t)generator_block_scratch(shape), LANES);
    return arena.floats;
}

size_t batch_workspace_bytes(const struct task_spec *task, int sets)
{
    return batch_workspace_plan(task, sets, NULL, &(struct batch_workspace){0}) * sizeof(float);
}
