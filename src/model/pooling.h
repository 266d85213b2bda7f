/* Interface of a pooling: from the encoder's last hidden layer to the decoder's input. Private to this
 * folder.
 *
 * z: the last hidden layer before bias and ReLU; h: after them. deep_sets.c calls the functions in this
 * order:
 *   1. set_parameters   once per step
 *   2. encode           forward, per tile of sets
 *   3. embed            forward, once for all sets
 *   4. embed_backward   backward, once for all sets
 *   5. encode_backward  backward, per tile of each shard
 *   6. finish           backward, once per shard
 *   7. expand_gradient  once per step */
#ifndef MODEL_POOLING_H
#define MODEL_POOLING_H

#include "model/network.h"

#include <stdint.h>

struct pooling {
    /* Prepares stage->parameters. NULL: nothing to prepare. */
    void (*set_parameters)(struct stage *stage);

    /* Whether encode reads h instead of z. */
    bool reads_activation;

    /* Pools a tile: reads z or h, which it may overwrite, and writes set_input[0] and the buffers
     * of the backward pass. */
    void (*encode)(struct stage *stage, int set, int sets);

    /* Writes the decoder's input, set_input[1], of all sets. */
    void (*embed)(struct stage *stage, int sets);

    /* Backward pass of embed. dembedding: the gradient at set_input[1]; may be overwritten. */
    void (*embed_backward)(struct stage *stage, int sets, float *dembedding,
                           const struct model_gradients *gradients);

    /* Writes the gradient dz at a tile's z and adds its sum over rows to last_bias_gradient. `gradient`: all
     * elements of the shard's gradient. Returns the number of rows of dz: all pairs, or only the pairs that
     * *argmax lists as set * pairs + pair, if the gradient of all others is zero.
     * dz [rows, padded wk] in the model's precision */
    int (*encode_backward)(struct stage *stage, int set, int sets, void *dz, float *gradient,
                           const int32_t **argmax);

    /* Completes a shard's gradient after its last tile. NULL: nothing left to do. */
    void (*finish)(struct stage *stage, float *gradient);

    /* model_expand_gradient. NULL: nothing to expand. */
    void (*expand_gradient)(struct stage *stage, float *gradient);
};

#define DECLARE_POOLING(NAME, word, code, ...) extern const struct pooling pooling_##code;
POOLINGS(DECLARE_POOLING)
extern const struct pooling
    pooling_joined; // max with mean, sum or both; pooling_moments has all other joined ones

/* The functions of every pooling that selects pairs, except encode, which writes plan->maxima and
 * plan->argmax [sets, padded E]. */
void pooling_selected_set_parameters(struct stage *stage);
void pooling_selected_embed(struct stage *stage, int sets);
void pooling_selected_embed_backward(struct stage *stage, int sets, float *dembedding,
                                     const struct model_gradients *gradients);
int pooling_selected_encode_backward(struct stage *stage, int set, int sets, void *dz, float *gradient,
                                     const int32_t **argmax);
void pooling_selected_finish(struct stage *stage, float *gradient);

#endif
