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

// Eight sets side by side, as in kernel/batched.h: pairs, scale, weights, precisions, the generator's
// scratch, and the equations of the set size that needs most: all pairs, or the most pairs that give fewer
// residuals than unknowns.
size_t refined_workspace_doubles(const struct model_spec *model)
{
    const struct generator_shape *shape = &model->generator;
    int n = model->pairs, o = shape->outputs, unknowns = model->outputs, dual = (unknowns - 1) / o;
    size_t all = normal_equations_doubles(n, o, unknowns),
           few = normal_equations_doubles(n < dual ? n : dual, o, unknowns);
    size_t rows =
        (size_t)n * (size_t)(shape->inputs + o) + 1 + 3 * (size_t)unknowns + (size_t)generator_scratch(shape);
    return 8 * rows + (all > few ? all : few);
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
