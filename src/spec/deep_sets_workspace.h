/* Workspace of a deep-sets model: the offset of each buffer in one block of memory, computed from the model's
 * description. */
#ifndef SPEC_DEEP_SETS_WORKSPACE_H
#define SPEC_DEEP_SETS_WORKSPACE_H

#include "spec/model_spec.h"

/* Offsets in floats, whatever type a buffer has. S: sets of all shards, n: pairs per set, T: sets per tile,
 * R: T n rounded up by model_round_rows, w1..wk: widths of the encoder's hidden layers, padded to whole
 * vectors. Buffers marked "p" are stored in the model's precision, the others in fp32 or int32. */
struct deep_sets_workspace {
    int tile_sets;
    // p, by layer from the second on: the weight packed as right-hand operand, [in, out] and [out, in]
    size_t forward_weight[TENSORS_MAX / 2], backward_weight[TENSORS_MAX / 2];
    size_t staging;                // p, scratch: the weight that is being packed
    size_t first_weight;           // [pair_width, w1], transposed and padded
    size_t first_bias;             // [w1], padded
    size_t last_bias;              // [wk], padded
    size_t first_gradient;         // [pair_width + 1, w1], of the weight and, in the last row, the bias
    size_t last_bias_gradient;     // [wk]
    size_t activation[WIDTHS_MAX]; // p [R, wi]; [S n + R - T n, wi] if deep_sets_keeps
    size_t recomputed_first;       // p [R, w1], in the backward pass
    size_t gradient[2];            // p [R, max w], used alternately
    // [S, in], inputs of the layers after pooling: the pooled rows, the embedding, the decoder's hidden
    // layers
    size_t set_input[WIDTHS_MAX + 2];
    size_t set_operand[WIDTHS_MAX + 2]; // p, rounded copies of set_input; set_input itself in fp32
    size_t set_gradient[2];             // [S, widest], used alternately
    size_t set_gradient_operand;        // p [S, widest]

    // Mean and sum, whose pooled rows are [S, wk]; attention too if model_transposes_gradient.
    size_t signs;               // [S, words, wk], words of 32 bits
    size_t transposed_gradient; // p [wk, R] and SUM_POOLING_WORD more elements
    size_t transposed_pairs;    // [pair_width, R]

    // Max and moments, whose pooled rows are [S, E] and [S, 2, E]; E is padded.
    size_t embedding;            // p, without bias: max [T n, E], moments [S n, E]
    size_t argmax;               // [S, E], index of the max pair
    size_t row, first, column;   // struct max_pooling_argmax of a tile
    size_t count;                // [n + 1], scratch
    size_t argmax_pairs;         // [T n, pair_width]
    size_t argmax_activation;    // p [R, widest of all hidden layers but the last]
    size_t last_weight;          // p [E, wk]
    size_t last_weight_gradient; // [E, wk]

    // Attention with Q queries and H heads, whose pooled rows are [S, Q H, wk]. "Merged":
    // pooling_attention.c.
    size_t query, query_gradient;           // [Q H, wk], merged queries
    size_t key_query, key_query_gradient;   // [Q H, E], queries merged with the key weight only
    size_t value, value_forward;            // p [E, wk], merged value weight; [wk, E], its transpose
    size_t last_packed, last_packed_fp32;   // packed [wk, E], the encoder's last weight, p and fp32
    size_t output_forward, output_backward; // p, packed [E, E], the output weight
    size_t value_bias;                      // [E], merged value bias
    size_t merged;                          // [E, wk], scratch
    size_t rounded;       // p [E, wk], [E, E], [E, E]: encoder's last, value and output weight; not in fp32
    size_t weights;       // [S, Q H, n padded]
    size_t scratch;       // attention_pooling_scratch
    size_t heads[2];      // [S Q, E], the heads of a query side by side, and their gradient
    size_t heads_operand; // p, heads[0] or its gradient
    size_t total;         // length of the workspace
};

/* Computes the offsets for at most `shards` shards of at most `sets` sets. */
void deep_sets_workspace_plan(const struct model_spec *model, int sets, int shards,
                              struct deep_sets_workspace *workspace);

/* Whether the activations of the encoder's hidden layer i are kept for the backward pass, for all sets. */
bool deep_sets_keeps(const struct model_spec *model, int i);

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
