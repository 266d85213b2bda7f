/* Shared by deep_sets.c and the poolings: tensors by layer, GEMM operands and buffers. Private to this
 * folder. */
#ifndef MODEL_DEEP_SETS_H
#define MODEL_DEEP_SETS_H

#include "model/network.h"

#include <stdint.h>

static inline const struct deep_sets_workspace *plan_of(const struct stage *stage)
{
    return &stage->plan.deep_sets;
}

// In the table, weights and biases of dense layers alternate; the encoder comes first, the decoder last.
static inline const struct tensor *layer_weight(const struct stage *stage, int layer)
{
    return &stage->table.tensors[2 * layer];
}

static inline size_t bias_offset(const struct stage *stage, int layer)
{
    return stage->table.tensors[2 * layer + 1].offset;
}

static inline void *forward_weight(const struct stage *stage, int layer) // [in, out], packed
{
    return plan_of(stage)->forward_weight[layer];
}

static inline void *backward_weight(const struct stage *stage, int layer) // [out, in], packed
{
    return plan_of(stage)->backward_weight[layer];
}

/* Index of the encoder's last layer, the linear one after its hidden layers. */
static inline int encoder_last_layer(const struct stage *stage)
{
    return stage->spec.encoder.count;
}

static inline int last_hidden_stride(const struct stage *stage)
{
    return lanes_stride(widths_last(&stage->spec.encoder));
}

/* Sign bits of the last hidden layer from `set` on: [words, padded wk] per set. */
static inline uint32_t *deep_sets_signs(const struct stage *stage, int set)
{
    size_t row = (size_t)set * (size_t)sum_pooling_words(stage->spec.pairs);
    return plan_of(stage)->signs + row * (size_t)last_hidden_stride(stage);
}

/* Activations of the encoder's hidden layer i in the tile that starts at `set`. */
void *deep_sets_activation(const struct stage *stage, int i, int set);

/* Computes the embeddings of all pairs in the tile that starts at `set`, without the bias.
 * embedding [sets pairs, padded E] */
void deep_sets_embed_pairs(const struct stage *stage, int set, int sets, void *embedding);

#endif
