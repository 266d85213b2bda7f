/* What a kind of model brings: its arithmetic, behind the interface of model.h. Private to this folder. */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#include "model/model.h"
#include "spec/deep_sets_workspace.h"
#include "spec/flat_workspace.h"

struct model {
    struct model_spec description; // its pairs are those of the sets in hand, at most the layout's
    struct tensor_table table;
    const struct network *network;
    int sets;      // of a shard
    size_t folded; // numbers of a gradient behind the parameters
    union {
        struct deep_sets_workspace deep_sets;
        struct flat_workspace flat;
    } layout; // of the workspace
    float *workspace;
    const float *parameters; // in use, not ours
};

/* What model.h says of model_set_parameters, model_forward, model_backward and model_expand_gradient. */
struct network {
    size_t (*arrange)(struct model *model, int sets,
                      int shards);    // sets the layout; returns the floats of the workspace
    void (*use)(struct model *model); // the new model->parameters
    void (*forward)(struct model *model, int sets, const float *pairs, float *output);
    void (*backward)(struct model *model, int sets, const float *pairs, const float *output_gradient,
                     const struct model_gradients *gradients);
    void (*unfold)(struct model *model, float *gradient); // NULL: the sum is the gradient already
};

extern const struct network deep_sets_network, flat_network;

static inline float *workspace_at(const struct model *model, size_t offset)
{
    return model->workspace + offset;
}

/* Sets from `set` on that go into a product together: those of its shard, since a product's bits depend on
 * its rows. */
static inline int shard_from(const struct model *model, int set, int sets)
{
    int end = (set / model->sets + 1) * model->sets;
    return (end < sets ? end : sets) - set;
}

/* Number `index` of a buffer that is stored in the model's precision. */
static inline void *workspace_elements(const struct model *model, size_t offset, size_t index)
{
    return (char *)workspace_at(model, offset) + index * precision_bytes(model->description.precision);
}

#endif
