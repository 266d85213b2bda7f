/* What the parts of deep-sets share: tensors by layer, operands and buffers. Private to this folder. */
#ifndef MODEL_DEEP_SETS_H
#define MODEL_DEEP_SETS_H

#include "kernel/gemm.h"
#include "kernel/lanes.h"
#include "kernel/sum_pooling.h"
#include "model/network.h"

#include <stdint.h>

static inline const struct deep_sets_workspace *layout_of(const struct model *model)
{
    return &model->layout.deep_sets;
}

// Weights and biases of dense layers alternate, the encoder's first, the decoder's last.
static inline const struct tensor *layer_weight(const struct model *model, int layer)
{
    return &model->table.tensors[2 * layer];
}

static inline size_t bias_offset(const struct model *model, int layer)
{
    return model->table.tensors[2 * layer + 1].offset;
}

static inline void *forward_weight(const struct model *model, int layer) // [in, out], packed
{
    return workspace_at(model, layout_of(model)->forward_weight[layer]);
}

static inline void *backward_weight(const struct model *model, int layer) // [out, in], packed
{
    return workspace_at(model, layout_of(model)->backward_weight[layer]);
}

// How the numbers of a product are stored whose result is an activation, or fp32.
static inline enum gemm_types to_activation(const struct model *model)
{
    return model->description.precision == PRECISION_FP32 ? GEMM_FP32 : GEMM_BF16;
}

static inline enum gemm_types to_fp32(const struct model *model)
{
    return model->description.precision == PRECISION_FP32 ? GEMM_FP32 : GEMM_BF16_FP32;
}

static inline int last_hidden_stride(const struct model *model)
{
    const struct widths *encoder = &model->description.encoder;
    return lanes_stride(encoder->width[encoder->count - 1]);
}

/* Signs of the last hidden layer, as bits, from `set` on: [words, padded wk] a set. */
static inline uint32_t *deep_sets_signs(const struct model *model, int set)
{
    size_t row = (size_t)set * (size_t)sum_pooling_words(model->description.pairs);
    return (uint32_t *)workspace_at(model, layout_of(model)->signs) + row * (size_t)last_hidden_stride(model);
}

/* Activations of the encoder's hidden layer i for the tile that starts at `set`. */
void *deep_sets_activation(const struct model *model, int i, int set);

/* Layer k after pooling, shard after shard: z = x W^T + b with its ReLU, if it has one; from set_input[k] to
 * z [sets, out]. */
void deep_sets_set_layer(struct model *model, int k, int sets, float *z);

/* The way back: from dz [sets, out] to the gradients of W and b and at x, which is set_gradient[k % 2];
 * returns it. */
const float *deep_sets_set_layer_backward(struct model *model, int k, int sets, const float *dz,
                                          const struct model_gradients *gradients);

#endif
