/* The layers of deep-sets after pooling: layer 0 is the encoder's last (linear), then come the decoder's
 * hidden layers (ReLU) and its last (linear). Private to this folder. */
#ifndef MODEL_SET_LAYERS_H
#define MODEL_SET_LAYERS_H

#include "model/deep_sets.h"

/* Index of layer k among all layers of the model. */
static inline int set_layers_index(const struct stage *stage, int k)
{
    if (k == 0)
        return encoder_last_layer(stage);
    return stage->table.count / 2 - deep_sets_set_layers(&stage->spec) + k;
}

/* Forward pass of layer k after pooling, shard by shard: z = x W^T + b, then ReLU if the layer has one.
 * x = set_input[k] [sets, in], z [sets, out] */
void set_layers_forward(struct stage *stage, int k, int sets, float *z);

/* Backward pass of layer k after pooling: writes each shard's gradients of W and b and returns the gradient
 * at x, set_gradient[k % 2].  dz [sets, out] */
const float *set_layers_backward(struct stage *stage, int k, int sets, const float *dz,
                                 const struct model_gradients *gradients);

#endif
