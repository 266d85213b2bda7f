/* A model is a chain of stages: a network, and the learned refinements after it. A refinement reads the pairs
 * with their residuals under the current prediction, and its output is added to that prediction. */
#include "model/model.h"

#include "base/memory.h"
#include "base/stop.h"
#include "kernel/random.h"
#include "model/least_squares_step.h"
#include "model/network.h"
#include "model/residuals.h"
#include "spec/refined_workspace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct model {
    struct model_spec spec;    // `pairs` is that of model_set_pairs
    struct tensor_table table; // of all stages
    int stages;
    int last_stage; // of the last forward pass
    struct stage stage[STAGES_MAX];
    struct refined_workspace plan; // of the workspace of refinements
    float *workspace;
};

#define NETWORK(NAME, word, code, ...) [MODEL_##NAME] = &code##_network,
static const struct network *const networks[MODEL_KINDS] = {MODELS(NETWORK)};

static enum status create_stage(struct stage *stage, int sets, int shards)
{
    stage->network = networks[stage->spec.kind];
    stage->sets = sets;
    model_tensors(&stage->spec, &stage->table);
    stage->merged = model_gradient_elements(&stage->spec) - stage->table.parameters;
    size_t floats = stage->network->plan_workspace(stage, sets, shards);
    TRY(memory_alloc(floats * sizeof(float), (void **)&stage->workspace));
    stage->network->plan_workspace(stage, sets, shards);
    return STATUS_OK;
}

static enum status create_stages(struct model *model, int sets, int shards)
{
    size_t begin = 0, merged_begin = model->table.parameters;
    for (int i = 0; i < model->stages; i++) {
        struct stage *stage = &model->stage[i];
        stage->spec = model_stage(&model->spec, i);
        TRY(create_stage(stage, sets, shards));
        stage->begin = begin;
        stage->merged_begin = merged_begin - begin;
        begin += stage->table.parameters;
        merged_begin += stage->merged;
    }
    if (model->stages == 1)
        return STATUS_OK;
    size_t floats = refined_workspace_floats(&model->spec, sets, shards);
    TRY(memory_alloc(floats * sizeof(float), (void **)&model->workspace));
    refined_workspace_plan(&model->spec, sets, shards, model->workspace, &model->plan);
    return STATUS_OK;
}

enum status model_create(const struct model_spec *spec, int sets, int shards, struct model **out)
{
    struct model *model = memory_small(sizeof *model);
    model->spec = *spec;
    model->stages = model_stages(spec);
    model_tensors(spec, &model->table);
    enum status status = create_stages(model, sets, shards);
    if (status != STATUS_OK)
        model_destroy(&model);
    *out = model;
    return status;
}

void model_destroy(struct model **model)
{
    if (!*model)
        return;
    for (int i = 0; i < (*model)->stages; i++)
        memory_free((void **)&(*model)->stage[i].workspace);
    memory_free((void **)&(*model)->workspace);
    free(*model);
    *model = NULL;
}

const struct tensor_table *model_table(const struct model *model)
{
    return &model->table;
}

void model_initialise(const struct model *model, int64_t seed, float *parameters)
{
    struct random_stream stream = {.seed = seed, .purpose = RANDOM_PARAMETERS};
    for (int i = 0; i < model->table.count; i++) {
        const struct tensor *tensor = &model->table.tensors[i];
        float *values = parameters + tensor->offset;
        float bound = 1.0f / sqrtf((float)tensor->fan_in);
        random_uniform(values, &stream, i, (int64_t)tensor_size(tensor));
        for (size_t k = 0; k < tensor_size(tensor); k++)
            values[k] *= bound;
    }
}

void model_set_parameters(struct model *model, const float *parameters)
{
    for (int i = 0; i < model->stages; i++) {
        struct stage *stage = &model->stage[i];
        stage->parameters = parameters + stage->begin;
        stage->network->set_parameters(stage);
    }
}

void model_set_pairs(struct model *model, int pairs)
{
    model->spec.pairs = pairs;
    for (int i = 0; i < model->stages; i++)
        model->stage[i].spec.pairs = pairs;
}

// ---- forward ----

// Computes the features of the prediction [sets, outputs]: pairs and context of the next stage.
static void compute_features(struct model *model, int sets, const float *pairs, const float *prediction)
{
    const struct model_spec *spec = &model->spec;
    const struct refined_workspace *plan = &model->plan;
    size_t outputs = (size_t)spec->outputs, n = (size_t)spec->pairs;
    size_t set_pairs = n * (size_t)spec->pair_width, features = n * (size_t)model->stage[1].spec.pair_width;
    for (size_t set = 0; set < (size_t)sets; set++) {
        const float *weights = prediction + set * outputs;
        float *context = plan->context + set * 2 * outputs;
        memcpy(context, weights, outputs * sizeof *context);
        residuals_compute(&spec->generator, spec->pairs, weights, pairs + set * set_pairs,
                          plan->pairs + set * features, context + outputs, plan->scratch);
    }
}

static void refine(struct model *model, struct stage *stage, int sets, const float *pairs, float *output)
{
    const struct refined_workspace *plan = &model->plan;
    if (model->spec.refine_from == REFINE_FROM_LEAST_SQUARES)
        least_squares_step(&model->spec.generator, model->spec.pairs, sets, pairs, output, plan->doubles);
    compute_features(model, sets, pairs, output);
    stage->context = plan->context;
    stage->network->forward(stage, sets, plan->pairs, plan->correction);
    for (int i = 0; i < sets * model->spec.outputs; i++)
        output[i] += plan->correction[i];
}

void model_forward_stage(struct model *model, int stage, int sets, const float *pairs, float *output)
{
    model->last_stage = stage;
    if (stage == 0)
        model->stage[0].network->forward(&model->stage[0], sets, pairs, output);
    else if (!stop_requested()) // else the prediction may be undefined
        refine(model, &model->stage[stage], sets, pairs, output);
}

void model_forward(struct model *model, int sets, const float *pairs, float *output)
{
    for (int stage = 0; stage < model->stages; stage++)
        model_forward_stage(model, stage, sets, pairs, output);
}

// ---- backward ----

// Places the gradients of a stage in those of the whole model.
struct placement {
    const struct model_gradients *all;
    size_t begin;
};

static float *gradient_of(void *context, int shard)
{
    const struct placement *placement = context;
    return placement->all->of(placement->all->context, shard) + placement->begin;
}

static void gradient_finished(void *context, int shard, size_t begin, size_t count)
{
    const struct placement *placement = context;
    placement->all->finished(placement->all->context, shard, placement->begin + begin, count);
}

void model_backward(struct model *model, int sets, const float *pairs, const float *output_gradient,
                    const struct model_gradients *gradients)
{
    struct stage *stage = &model->stage[model->last_stage];
    struct placement placement = {gradients, stage->begin};
    const struct model_gradients placed = {gradient_of, gradient_finished, &placement};
    stage->network->backward(stage, sets, model->last_stage == 0 ? pairs : model->plan.pairs, output_gradient,
                             &placed);
}

void model_expand_gradient(struct model *model, float *gradient)
{
    for (int i = 0; i < model->stages; i++)
        if (model->stage[i].network->expand_gradient)
            model->stage[i].network->expand_gradient(&model->stage[i], gradient + model->stage[i].begin);
}
