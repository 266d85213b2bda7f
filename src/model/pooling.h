/* How the encoder's last hidden layer becomes the decoder's input: one entry a pooling. Private to this
 * folder.
 *
 * Pairs come by tiles of sets, and what a pooling needs of them it keeps. `z` is the last hidden layer before
 * its bias and ReLU. */
#ifndef MODEL_POOLING_H
#define MODEL_POOLING_H

#include "model/network.h"

#include <stdint.h>

struct pooling {
    void (*use)(struct model *model); // the new model->parameters; NULL: nothing to prepare

    void (*encode)(struct model *model, int set, int sets); // a tile's z, in place
    void (*embed)(struct model *model, int sets);           // after all tiles: writes set_input[1]

    /* dembedding: the gradient at set_input[1], which it may overwrite. Before all tiles. */
    void (*embed_backward)(struct model *model, int sets, float *dembedding,
                           const struct model_gradients *gradients);
    /* The gradient at a tile's z, whose sum is added to last_bias_gradient. Returns its rows: all pairs, or
     * those that *picked lists, set * pairs + pair, where the others have none. dz [rows, padded wk] in the
     * model's precision. */
    int (*encode_backward)(struct model *model, int set, int sets, void *dz, float *gradient,
                           const int32_t **picked);
    void (*finish)(struct model *model, float *gradient); // after all tiles of a shard; NULL: nothing left
    void (*unfold)(struct model *model,
                   float *gradient); // once a step, as model_expand_gradient; NULL: nothing folded
    /* dz of a tile transposed, [wk, rows], zeros where there are no more pairs; NULL: costs as much as a
     * product takes to do it, as it may say itself behind encode_backward. Behind that, or `alone`, in place
     * of it. */
    const void *(*transposed_gradient)(struct model *model, int set, int sets, int rows, bool alone);
};

/* Mean and sum; maximum; mean and standard deviation; learned queries. */
extern const struct pooling pooling_mean, pooling_max, pooling_moments, pooling_attention;

#endif
