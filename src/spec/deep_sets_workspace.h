/* Where a model's buffers lie in its workspace: one block of memory, sized by the description alone. */
#ifndef SPEC_DEEP_SETS_WORKSPACE_H
#define SPEC_DEEP_SETS_WORKSPACE_H

#include "spec/model_spec.h"

/* Offsets in floats, whatever is stored there. S sets of all shards, n pairs, T sets a tile, R = T n rounded
 * up, widths w1..wk of the encoder's hidden layers, padded to lanes. "p": stored in the model's precision. */
struct deep_sets_workspace {
    int tile_sets;
    // p, packed for products with it from the right: each layer's weight as [in, out] and as [out, in]; not
    // the first layer's
    size_t forward_weight[TENSORS_MAX / 2], backward_weight[TENSORS_MAX / 2];
    size_t staging;                // p, a weight on its way into those
    size_t first_weight;           // [pair_width, w1], transposed and padded
    size_t first_bias;             // [w1]
    size_t last_bias;              // [wk]
    size_t first_gradient;         // [pair_width + 1, w1], of weight and bias
    size_t last_bias_gradient;     // [wk]
    size_t activation[WIDTHS_MAX]; // p [R, wi]; [S n + R - T n, wi] where they are kept
    size_t recomputed_first;       // p [R, w1], on the way back
    size_t gradient[2];            // p [R, max w], by turns
    size_t set_input[WIDTHS_MAX +
                     2]; // [S, in], of the layers after pooling: what is pooled, the embedding, the decoder's
    size_t set_operand[WIDTHS_MAX + 2]; // p, the same; the inputs themselves where p is fp32
    size_t set_gradient[2];             // [S, widest], by turns
    size_t set_gradient_operand;        // p [S, widest]

    // Mean and sum, pooled: [S, wk]; and attention where model_transposes_gradient.
    size_t signs;               // [S, words, wk], 32-bit words
    size_t transposed_gradient; // p [wk, R] and a word's pairs more
    size_t transposed_pairs;    // [pair_width, R]

    // Max and moments. E padded. Pooled: [S, E], [S, 2, E].
    size_t embedding;            // p, without bias: [T n, E]; of moments [S n, E]
    size_t winner;               // [S, E], which pair
    size_t row, first, column;   // struct max_pooling_argmax, of a tile
    size_t count;                // [n + 1], to work in
    size_t argmax_pairs;         // [T n, pair_width]
    size_t argmax_activation;    // p [R, widest between the first and the last]
    size_t last_weight;          // p [E, wk]
    size_t last_weight_gradient; // [E, wk]

    // Attention: Q queries, H heads. Pooled: [S, Q H, wk].
    size_t query, query_gradient;         // [Q H, wk], folded: what the scores are products with
    size_t key_query, key_query_gradient; // [Q H, E], the same before the encoder's last layer
    size_t value, value_forward; // p [E, wk], folded: value.weight times the encoder's last; transposed
    size_t last_packed, last_packed_fp32;   // p and fp32, packed [wk, E], the encoder's last
    size_t output_forward, output_backward; // p, packed [E, E]
    size_t value_bias;                      // [E], folded
    size_t fold;                            // [E, wk], to work in
    size_t rounded;       // p [E, wk], [E, E], [E, E]: encoder's last, value, output; where p is not fp32
    size_t weights;       // [S, Q H, n padded]
    size_t scratch;       // attention_pooling_scratch
    size_t heads[2];      // [S Q, E], all heads of a query side by side, and their gradient
    size_t heads_operand; // p, the same
    size_t total;
};

void deep_sets_workspace_plan(const struct model_spec *model, int sets, int shards,
                              struct deep_sets_workspace *layout);

/* Whether the activations of the encoder's hidden layer i stay for the way back, those of all sets in hand.
 */
bool deep_sets_keeps(const struct model_spec *model, int i);

/* Folded queries of attention: one a query and head. */
static inline int deep_sets_queries(const struct model_spec *model)
{
    return model->queries * model->heads;
}

/* Layers after pooling: the encoder's last, the decoder's hidden, the decoder's last. */
int deep_sets_set_layers(const struct model_spec *model);
/* Length of a row of layer k's input, and its width. */
int deep_sets_input_stride(const struct model_spec *model, int k);
int deep_sets_input_width(const struct model_spec *model, int k);

#endif
