/* Learned refinement: stages of deep sets after the first network. Each reads the pairs with their residuals
 * under the current prediction, and its output is added to that prediction. */
#include "base/stop.h"
#include "model/least_squares_step.h"
#include "model/network.h"
#include "model/residuals.h"

#include <string.h>

static enum status create(struct model *model, int sets, int shards)
{
    size_t begin = 0, merged_begin = model->table.parameters;
    for (int i = 0; i < model_stages(&model->spec); i++) {
        const struct model_spec spec = model_stage(&model->spec, i);
        TRY(model_create(&spec, sets, shards, &model->stage[i]));
        struct model *stage = model->stage[i];
        stage->begin = begin;
        stage->merged_begin = merged_begin - begin;
        begin += stage->table.parameters;
        merged_begin += stage->merged;
    }
    return STATUS_OK;
}

static size_t plan_workspace(struct model *model, int sets, int shards)
{
    return refined_workspace_plan(&model->spec, sets, shards, model->workspace, &model->plan.refined);
}

static void set_parameters(struct model *model)
{
    for (int i = 0; i < model_stages(&model->spec); i++)
        model_set_parameters(model->stage[i], model->parameters + model->stage[i]->begin);
}

// ---- forward ----

// Computes the features of the prediction [sets, outputs]: pairs and context of the next stage.
static void compute_features(struct model *model, int sets, const float *pairs, const float *prediction)
{
    const struct model_spec *spec = &model->spec;
    const struct refined_workspace *plan = &model->plan.refined;
    size_t outputs = (size_t)spec->outputs, n = (size_t)spec->pairs;
    size_t set_pairs = n * (size_t)spec->pair_width, features = n * (size_t)model->stage[1]->spec.pair_width;
    for (size_t set = 0; set < (size_t)sets; set++) {
        const float *weights = prediction + set * outputs;
        float *context = plan->context + set * 2 * outputs;
        memcpy(context, weights, outputs * sizeof *context);
        residuals_compute(&spec->generator, spec->pairs, weights, pairs + set * set_pairs,
                          plan->pairs + set * features, context + outputs, plan->scratch);
    }
}

static void correct(struct model *model, struct model *stage, int sets, float *output)
{
    const struct refined_workspace *plan = &model->plan.refined;
    stage->context = plan->context;
    model_forward(stage, sets, plan->pairs, plan->correction);
    for (int i = 0; i < sets * model->spec.outputs; i++)
        output[i] += plan->correction[i];
}

static void forward_stage(struct model *model, int stage, int sets, const float *pairs, float *output)
{
    model->last_stage = stage;
    model_set_pairs(model->stage[stage], model->spec.pairs);
    if (stage == 0) {
        model_forward(model->stage[0], sets, pairs, output);
    } else if (!stop_requested()) { // else the prediction may be undefined
        if (model->spec.refine_from == REFINE_FROM_LEAST_SQUARES)
            least_squares_step(&model->spec.generator, model->spec.pairs, sets, pairs, output,
                               model->plan.refined.doubles);
        compute_features(model, sets, pairs, output);
        correct(model, model->stage[stage], sets, output);
    }
}

static void forward(struct model *model, int sets, const float *pairs, float *output)
{
    for (int stage = 0; stage < model_stages(&model->spec); stage++)
        forward_stage(model, stage, sets, pairs, output);
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

static void backward(struct model *model, int sets, const float *pairs, const float *output_gradient,
                     const struct model_gradients *gradients)
{
    struct model *stage = model->stage[model->last_stage];
    struct placement placement = {gradients, stage->begin};
    const struct model_gradients placed = {gradient_of, gradient_finished, &placement};
    model_backward(stage, sets, model->last_stage == 0 ? pairs : model->plan.refined.pairs, output_gradient,
                   &placed);
}

static void expand_gradient(struct model *model, float *gradient)
{
    for (int i = 0; i < model_stages(&model->spec); i++)
        model_expand_gradient(model->stage[i], gradient + model->stage[i]->begin);
}

const struct network refined_network = {.create = create,
                                        .plan_workspace = plan_workspace,
                                        .set_parameters = set_parameters,
                                        .forward = forward,
                                        .backward = backward,
                                        .forward_stage = forward_stage,
                                        .expand_gradient = expand_gradient};
