/* What learns: forward and backward over a flat vector of parameters.
 *
 * A model owns its workspace for a fixed number of sets, so nothing is allocated while it trains. It does not
 * own parameters or gradients. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/status.h"
#include "spec/model_spec.h"

#include <stdint.h>

struct model;

/* For up to `shards` shards of `sets` sets at a time, one where not model_batches_shards. What a shard comes
 * to does not depend on how many there are. STATUS_MEMORY if the workspace cannot be had. */
enum status model_create(const struct model_spec *description, int sets, int shards, struct model **model);
void model_destroy(struct model **model);

const struct tensor_table *model_table(const struct model *model);

/* Initial parameters as PyTorch's nn.Linear draws them: U(-1, 1) / sqrt(fan_in).  parameters
 * [table->parameters] */
void model_initialise(const struct model *model, int64_t seed, float *parameters);

/* Takes over a new set of parameters, which must stay unchanged until the next call: once a step. */
void model_set_parameters(struct model *model, const float *parameters);

/* From now on sets have so many pairs, at most as many as the description says. Only deep-sets can do with
 * fewer. */
void model_set_pairs(struct model *model, int pairs);

/* pairs [sets, pairs, pair_width] -> output [sets, outputs]. Returns early, with a wrong output, once a stop
 * is requested. */
void model_forward(struct model *model, int sets, const float *pairs, float *output);

/* Where the gradients of shards go. A piece of them (a layer's) is finished for one shard after the other, in
 * order, and may then be overwritten by the next one's, so that shards can share a vector. What is not
 * finished is left to model_expand_gradient. */
struct model_gradients {
    float *(*of)(void *context, int shard); // [model_gradient_elements]
    void (*finished)(void *context, int shard, size_t begin, size_t count);
    void *context;
};

/* After model_forward of the same sets: writes (does not add) each shard's gradient.  output_gradient [sets,
 * outputs] */
void model_backward(struct model *model, int sets, const float *pairs, const float *output_gradient,
                    const struct model_gradients *gradients);

/* Of the sum of all shards' gradients, in place, the gradient of the parameters, those of the last
 * model_set_parameters: once a step, what would else be done for each shard. Writes what
 * model_expanded_parameters says.  gradient [model_gradient_elements] */
void model_expand_gradient(struct model *model, float *gradient);

#endif
