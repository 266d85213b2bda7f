/* Where a model's buffers lie in its workspace: one block of memory, sized by the description alone. */
#ifndef MODEL_LAYOUT_H
#define MODEL_LAYOUT_H

#include "model/description.h"

/* Offsets in floats, whatever is stored there. S sets, n pairs, T sets a tile, widths w1..wk of the encoder's hidden
 * layers, padded to lanes. "p": stored in the model's precision. */
struct deep_sets_layout {
    int tile_sets;
    size_t forward_weights;    // p, each weight transposed to [in, out], under its offset in the flat vector
    size_t backward_weights;   // p, [out, in]; only where the precision is not the parameters' own
    size_t first_weight;       // [pair_width, w1], transposed and padded
    size_t first_bias;         // [w1]
    size_t last_bias;          // [wk]
    size_t first_gradient;     // [pair_width + 1, w1], of weight and bias
    size_t last_bias_gradient; // [wk]
    size_t activation[WIDTHS_MAX]; // p [T n, wi]; those between the first and the last are kept: [S n, wi]
    size_t gradient[2];            // p [T n, max w], by turns
    size_t signs;                  // [S, words, wk], 32-bit words
    size_t
        set_input[WIDTHS_MAX +
                  2]; // [S, in], of the layers after pooling: pooled [S, wk], embedding [S, E], the decoder's
    size_t set_operand[WIDTHS_MAX + 2]; // p, the same; the inputs themselves where p is fp32
    size_t set_gradient[2];             // [S, widest], by turns
    size_t set_gradient_operand;        // p [S, widest]
    size_t total;
};

void deep_sets_layout(const struct model_description *model, int sets, struct deep_sets_layout *layout);

/* Layers after pooling: the encoder's last, the decoder's hidden, the decoder's last. */
int deep_sets_set_layers(const struct model_description *model);
/* Length of a row of layer k's input, and its width. */
int deep_sets_input_stride(const struct model_description *model, int k);
int deep_sets_input_width(const struct model_description *model, int k);

#endif
