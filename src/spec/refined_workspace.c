#include "spec/refined_workspace.h"

#include "spec/arena.h"
#include "spec/batch_workspace.h"
#include "spec/fit_spec.h"

// x, hidden units, their slopes, gradients of two layers, gradient of the weights: for LANES pairs.
size_t refined_workspace_scratch(const struct generator_shape *shape)
{
    int rows =
        shape->inputs + 2 * generator_units(shape) + 2 * generator_widest(shape) + generator_unknowns(shape);
    return (size_t)rows * LANES;
}

// Eight sets side by side, as in kernel/batched.h: pairs, four vectors, a block of the Jacobian with its
// residuals, the lower triangle of the equations, the generator's scratch.
size_t refined_workspace_doubles(const struct model_spec *model)
{
    const struct generator_shape *shape = &model->generator;
    size_t unknowns = (size_t)model->outputs, o = (size_t)shape->outputs;
    size_t rows = (size_t)fit_block(model->pairs, shape->outputs, model->outputs) * o;
    return 8 * ((size_t)model->pairs * ((size_t)shape->inputs + o) + 1 + 3 * unknowns +
                rows * (unknowns + 1) + unknowns * (unknowns + 1) / 2 + (size_t)generator_scratch(shape));
}

size_t refined_workspace_plan(const struct model_spec *model, int sets, int shards, float *memory,
                              struct refined_workspace *workspace)
{
    struct arena arena = {.memory = memory};
    const struct model_spec stage = model_stage(model, 1);
    size_t all = (size_t)sets * (size_t)shards, outputs = (size_t)model->outputs;
    workspace->pairs = arena_floats(&arena, all * (size_t)model->pairs, (size_t)stage.pair_width);
    workspace->context = arena_floats(&arena, all, (size_t)stage.context);
    workspace->correction = arena_floats(&arena, all, outputs);
    workspace->scratch = arena_floats(&arena, refined_workspace_scratch(&model->generator), 1);
    if (model->refine_from == REFINE_FROM_LEAST_SQUARES)
        workspace->doubles = arena_floats(&arena, refined_workspace_doubles(model), 2);
    return arena.floats;
}

size_t refined_workspace_floats(const struct model_spec *model, int sets, int shards)
{
    return refined_workspace_plan(model, sets, shards, NULL, &(struct refined_workspace){0});
}
