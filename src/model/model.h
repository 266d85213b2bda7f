/* Forward and backward pass of a model over a flat vector of parameters. Not collective; one thread per
 * model.
 *
 * A model owns a workspace for a fixed number of sets and allocates nothing while it trains. Parameters and
 * gradients belong to the caller. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/status.h"
#include "spec/model_spec.h"

#include <stdint.h>

struct model;

/* Creates a model for at most `shards` shards of at most `sets` sets at a time; `shards` must be 1 unless
 * model_batches_shards. The results of a shard do not depend on the other shards. STATUS_MEMORY if the
 * workspace cannot be allocated. */
enum status model_create(const struct model_spec *spec, int sets, int shards, struct model **model);
void model_destroy(struct model **model);

const struct tensor_table *model_table(const struct model *model);

/* Draws initial parameters as PyTorch's nn.Linear does: U(-1, 1) / sqrt(fan_in).
 * parameters [table->parameters] */
void model_initialise(const struct model *model, int64_t seed, float *parameters);

/* Sets the parameters of the following passes and prepares (packs, merges) them: once per step. The vector
 * must stay alive and unchanged until the next call. */
void model_set_parameters(struct model *model, const float *parameters);

/* Sets the number of pairs per set in the following passes, at most that of the spec. Deep-sets only. */
void model_set_pairs(struct model *model, int pairs);

/* Forward pass: pairs [sets, pairs, pair_width] -> output [sets, outputs]. Returns early, with an undefined
 * output, if a stop is requested. */
void model_forward(struct model *model, int sets, const float *pairs, float *output);

/* Forward pass of network `stage` alone, from 0 to model_stages - 1. `output` holds the prediction of the
 * stage before, and then that of this stage. */
void model_forward_stage(struct model *model, int stage, int sets, const float *pairs, float *output);

/* Destination of the shards' gradients. For each layer, model_backward writes that part of the gradient for
 * one shard after the other, in ascending order, and calls `finished` after each shard. `of` may return the
 * same vector for all shards: a finished part may be overwritten by the next shard. Parts that are never
 * finished are those of model_expand_gradient. */
struct model_gradients {
    float *(*of)(void *context, int shard); // [model_gradient_elements]
    void (*finished)(void *context, int shard, size_t begin, size_t count);
    void *context;
};

/* Backward pass of the last stage of the last forward pass, over the same sets: overwrites each shard's
 * gradient of that stage's parameters. The prediction of the stage before is a constant.
 * output_gradient [sets, outputs] */
void model_backward(struct model *model, int sets, const float *pairs, const float *output_gradient,
                    const struct model_gradients *gradients);

/* Expands the sum of all shards' gradients, in place, into the gradient of the parameters of the last
 * model_set_parameters (chain rule of attention's merged weights), once per step instead of once per shard.
 * Writes the range of model_expanded_parameters.  gradient [model_gradient_elements] */
void model_expand_gradient(struct model *model, float *gradient);

#endif
