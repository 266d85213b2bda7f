/* Where a model's buffers lie in its workspace: one block of memory, sized by the description alone. */
#ifndef MODEL_LAYOUT_H
#define MODEL_LAYOUT_H

#include "model/description.h"

/* Offsets in floats. S sets, n pairs, T sets a tile, widths w1..wk of the encoder's hidden layers, padded to lanes. */
struct deep_sets_layout {
    int tile_sets;
    size_t first_weight;   // [pair_width, w1] transposed
    size_t first_bias;     // [w1]
    size_t last_bias;      // [wk]
    size_t first_gradient; // [pair_width + 1, w1] of weight and bias
    size_t last_bias_gradient; // [wk]
    size_t activation[WIDTHS_MAX];        // [T n, wi]; those between the first and the last are kept: [S n, wi]
    size_t gradient[2];    // [T n, max w], by turns
    size_t signs;          // [S, words, wk], 32-bit words
    size_t pooled;         // [S, wk]
    size_t embedding;      // [S, E]
    size_t decoder[WIDTHS_MAX]; // [S, width]
    size_t set_gradient[2];     // [S, widest of pooled, embedding, decoder], by turns
    size_t total;
};

void deep_sets_layout(const struct model_description *model, int sets, struct deep_sets_layout *layout);

#endif
