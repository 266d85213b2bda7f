/* Workspace of a deep-sets model: its buffers in one block of memory, sized by the model's description. */
#ifndef SPEC_DEEP_SETS_WORKSPACE_H
#define SPEC_DEEP_SETS_WORKSPACE_H

#include "spec/model_spec.h"

#include <stdint.h>

/* S: sets of all shards, n: pairs per set, T: sets per tile,
 * R: T n rounded up by model_round_rows, w1..wk: widths of the encoder's hidden layers, padded to whole
 * vectors. Buffers marked "p" are stored in the model's precision. */
struct deep_sets_workspace {
    int tile_sets;
    // p, by layer from the second on: the weight packed as right-hand operand, [in, out] and [out, in]
    void *forward_weight[STAGE_TENSORS_MAX / 2], *backward_weight[STAGE_TENSORS_MAX / 2];
    void *staging;                // p, scratch: the weight that is being packed
    float *first_weight;          // [pair_width, w1], transposed and padded
    float *first_bias;            // [w1], padded
    float *last_bias;             // [wk], padded; zeros if the layer has added its bias
    float *first_gradient;        // [pair_width + 1, w1], of the weight and, in the last row, the bias
    float *last_bias_gradient;    // [wk]
    void *activation[WIDTHS_MAX]; // p [R, wi]; [S n + R - T n, wi] if deep_sets_keeps
    void *recomputed_first;       // p [R, w1], in the backward pass
    void *gradient[2];            // p [R, max w], used alternately
    // [S, in], inputs of the layers after pooling: the pooled rows; the embedding, with the context if there
    // is one; the decoder's hidden layers
    float *set_input[WIDTHS_MAX + 2];
    void *set_operand[WIDTHS_MAX + 2]; // p, rounded copies of set_input; set_input itself in fp32
    float *set_gradient[2];            // [S, widest], used alternately
    void *set_gradient_operand;        // p [S, widest]

    // Mean and sum, whose pooled rows are [S, wk].
    uint32_t *signs; // [S, words, wk], words of 32 bits

    // Max and moments, whose pooled rows are [S, E] and [S, 2, E]; E is padded. Max joined with mean or sum:
    // [S, wk]. Other joined poolings: all moments, then, if max is one of them, all maxima.
    float *maxima;                 // [S, E]
    float *mean;                   // [S, E], of the embeddings, then its gradient; not padded
    void *embedding;               // p, without bias: max [T n, E], moments [S n, E]
    int32_t *argmax;               // [S, E], index of the max pair
    int32_t *row, *first, *column; // struct max_pooling_argmax of a tile
    int32_t *count;                // [n + 1], scratch
    float *argmax_pairs;           // [T n, pair_width]
    void *argmax_activation;       // p [R, widest of all hidden layers but the last]
    void *last_weight;             // p [E, wk]
    float *last_weight_gradient;   // [E, wk]

    // Attention with Q queries and H heads, whose pooled rows are [S, Q H, wk]. "Merged":
    // pooling_attention.c.
    float *query, *query_gradient;          // [Q H, wk], merged queries
    float *key_query, *key_query_gradient;  // [Q H, E], queries merged with the key weight only
    void *value;                            // p [E, wk], merged value weight
    void *last_packed, *last_packed_fp32;   // packed [wk, E], the encoder's last weight, p and fp32
    void *output_forward, *output_backward; // p, packed [E, E], the output weight
    float *value_bias;                      // [E], merged value bias
    float *merged;                          // [E, wk], scratch
    void *rounded;       // p [E, wk], [E, E], [E, E]: encoder's last, value and output weight; not in fp32
    float *weights;      // [S, Q H, n padded]
    float *scratch;      // attention_pooling_scratch
    float *heads[2];     // [S Q, E], the heads of a query side by side, and their gradient
    void *heads_operand; // p, heads[0] or its gradient
};

/* Plans a workspace for at most `shards` shards of at most `sets` sets in `memory` (arena.h). Returns its
 * length in floats. */
size_t deep_sets_workspace_plan(const struct model_spec *model, int sets, int shards, float *memory,
                                struct deep_sets_workspace *workspace);

/* Length of that workspace in floats. */
size_t deep_sets_workspace_floats(const struct model_spec *model, int sets, int shards);

/* Whether the activations of the encoder's hidden layer i are kept for the backward pass, for all sets. */
bool deep_sets_keeps(const struct model_spec *model, int i);

/* Whether max is one of several poolings. */
static inline bool deep_sets_joins_max(const struct model_spec *model)
{
    return model_joins_poolings(model) && joined_bits((int)model->pooling) & 1u << POOLING_MAX;
}

/* Number of attention's merged queries: one per query and head. */
static inline int deep_sets_queries(const struct model_spec *model)
{
    return model->queries * model->heads;
}

/* Number of layers after pooling: the encoder's last, the decoder's hidden layers, the decoder's last. */
int deep_sets_set_layers(const struct model_spec *model);

/* Input of layer k after pooling: distance of its rows and its width, in elements. */
int deep_sets_input_stride(const struct model_spec *model, int k);
int deep_sets_input_width(const struct model_spec *model, int k);

#endif
