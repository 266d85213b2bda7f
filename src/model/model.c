#include "model/model.h"

#include "base/memory.h"
#include "kernel/random.h"
#include "model/network.h"

#include <math.h>
#include <stdlib.h>

#define NETWORK(NAME, word, code, ...) [MODEL_##NAME] = &code##_network,
static const struct network *const networks[MODEL_KINDS] = {MODELS(NETWORK)};

enum status model_create(const struct model_spec *spec, int sets, int shards, struct model **out)
{
    struct model *model = memory_small(sizeof *model);
    model->spec = *spec;
    model->network = spec->refinements > 0 ? &refined_network : networks[spec->kind];
    model->sets = sets;
    model_tensors(spec, &model->table);
    model->merged_begin = model->table.parameters;
    model->merged = model_gradient_elements(spec) - model->table.parameters;
    size_t floats = model->network->plan_workspace(model, sets, shards);
    enum status status = memory_alloc(floats * sizeof(float), (void **)&model->workspace);
    if (status == STATUS_OK && model->network->create)
        status = model->network->create(model, sets, shards);
    if (status == STATUS_OK)
        model->network->plan_workspace(model, sets, shards);
    else
        model_destroy(&model);
    *out = model;
    return status;
}

void model_destroy(struct model **model)
{
    if (!*model)
        return;
    for (int i = 0; i < STAGES_MAX; i++)
        model_destroy(&(*model)->stage[i]);
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
    model->parameters = parameters;
    model->network->set_parameters(model);
}

void model_set_pairs(struct model *model, int pairs)
{
    model->spec.pairs = pairs;
}

void model_forward(struct model *model, int sets, const float *pairs, float *output)
{
    model->network->forward(model, sets, pairs, output);
}

void model_forward_stage(struct model *model, int stage, int sets, const float *pairs, float *output)
{
    if (model->network->forward_stage)
        model->network->forward_stage(model, stage, sets, pairs, output);
    else
        model->network->forward(model, sets, pairs, output);
}

void model_backward(struct model *model, int sets, const float *pairs, const float *output_gradient,
                    const struct model_gradients *gradients)
{
    model->network->backward(model, sets, pairs, output_gradient, gradients);
}

void model_expand_gradient(struct model *model, float *gradient)
{
    if (model->network->expand_gradient)
        model->network->expand_gradient(model, gradient);
}
