/* Interface that each kind of model implements for model.c. Private to this folder. */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#include "kernel/gemm.h"
#include "model/model.h"
#include "spec/deep_sets_workspace.h"
#include "spec/flat_workspace.h"
#include "spec/refined_workspace.h"

struct model {
    struct model_spec spec; // `pairs` is that of model_set_pairs, at most that of the plan
    struct tensor_table table;
    const struct network *network;
    int sets;            // per shard
    size_t merged;       // elements of a gradient beyond those of the parameters
    size_t merged_begin; // place of the first of them: after the parameters of all stages
    union {
        struct deep_sets_workspace deep_sets;
        struct flat_workspace flat;
        struct refined_workspace refined;
    } plan; // of the workspace
    float *workspace;
    const float *parameters; // of model_set_parameters; not owned

    // A model with refinements has stages, which have all its parameters.
    struct model *stage[STAGES_MAX];
    int last_stage; // of the last forward pass
    // A stage.
    size_t begin;         // place of its parameters in the vector of the whole model
    const float *context; // [sets, spec.context], read by its decoder; not owned
};

/* The functions of model.h with these names. create creates the models of the stages; NULL: none.
 * After a failed `create` model.c frees the stages that exist.
 * forward_stage NULL: there is one stage, whose forward pass is `forward`. plan_workspace sets model->plan
 * for the buffers in model->workspace, which may be NULL, and returns their length in floats. */
struct network {
    enum status (*create)(struct model *model, int sets, int shards);
    size_t (*plan_workspace)(struct model *model, int sets, int shards);
    void (*set_parameters)(struct model *model); // reads model->parameters
    void (*forward)(struct model *model, int sets, const float *pairs, float *output);
    void (*backward)(struct model *model, int sets, const float *pairs, const float *output_gradient,
                     const struct model_gradients *gradients);
    void (*forward_stage)(struct model *model, int stage, int sets, const float *pairs, float *output);
    void (*expand_gradient)(struct model *model, float *gradient); // NULL: nothing to expand
};

#define DECLARE_NETWORK(NAME, word, code, ...) extern const struct network code##_network;
MODELS(DECLARE_NETWORK)
extern const struct network refined_network; // of models with refinements

/* Number of sets from `set` to the end of its shard, or to `sets` if that comes first. A GEMM never has rows
 * of two shards, since the bits of a library's results depend on the number of rows. */
static inline int shard_from(const struct model *model, int set, int sets)
{
    int end = (set / model->sets + 1) * model->sets;
    return (end < sets ? end : sets) - set;
}

/* Element `index` of a buffer that is stored in the model's precision. */
static inline void *element_at(const struct model *model, const void *buffer, size_t index)
{
    return (char *)buffer + index * precision_bytes(model->spec.precision);
}

// Types of a GEMM whose result is an activation in the model's precision.
static inline enum gemm_types to_activation(const struct model *model)
{
    return model->spec.precision == PRECISION_FP32 ? GEMM_FP32 : GEMM_BF16;
}

// Types of a GEMM whose result is fp32.
static inline enum gemm_types to_fp32(const struct model *model)
{
    return model->spec.precision == PRECISION_FP32 ? GEMM_FP32 : GEMM_BF16_FP32;
}

#endif
