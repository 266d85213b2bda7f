/* The stages of a model, and the interface that each kind of model implements for them. Private to this
 * folder. */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#include "kernel/gemm.h"
#include "model/model.h"
#include "spec/deep_sets_workspace.h"
#include "spec/flat_workspace.h"

/* One network of a model: the first, or a refinement. */
struct stage {
    struct model_spec spec;    // model_stage; `pairs` is that of model_set_pairs, at most that of the plan
    struct tensor_table table; // offsets within the stage
    const struct network *network;
    int sets;      // per shard
    size_t begin;  // place of its parameters in the vector of the whole model
    size_t merged; // elements of a gradient beyond those of the parameters
    size_t
        merged_begin; // place of the first of them, counted from `begin`: after the parameters of all stages
    union {
        struct deep_sets_workspace deep_sets;
        struct flat_workspace flat;
    } plan; // of the workspace
    float *workspace;
    const float *parameters; // of model_set_parameters; not owned
    const float *context;    // [sets, spec.context], read by the decoder of a refinement; not owned
};

/* The functions of model.h with these names, for one stage. plan_workspace sets stage->plan for the buffers
 * in stage->workspace, which may be NULL, and returns their length in floats. */
struct network {
    size_t (*plan_workspace)(struct stage *stage, int sets, int shards);
    void (*set_parameters)(struct stage *stage); // reads stage->parameters
    void (*forward)(struct stage *stage, int sets, const float *pairs, float *output);
    void (*backward)(struct stage *stage, int sets, const float *pairs, const float *output_gradient,
                     const struct model_gradients *gradients);
    void (*expand_gradient)(struct stage *stage, float *gradient); // NULL: nothing to expand
};

#define DECLARE_NETWORK(NAME, word, code, ...) extern const struct network code##_network;
MODELS(DECLARE_NETWORK)

/* Number of sets from `set` to the end of its shard, or to `sets` if that comes first. A GEMM never has rows
 * of two shards, since the bits of a library's results depend on the number of rows. */
static inline int shard_from(const struct stage *stage, int set, int sets)
{
    int end = (set / stage->sets + 1) * stage->sets;
    return (end < sets ? end : sets) - set;
}

/* Element `index` of a buffer that is stored in the model's precision. */
static inline void *element_at(const struct stage *stage, const void *buffer, size_t index)
{
    return (char *)buffer + index * precision_bytes(stage->spec.precision);
}

// Types of a GEMM whose result is an activation in the model's precision.
static inline enum gemm_types to_activation(const struct stage *stage)
{
    return stage->spec.precision == PRECISION_FP32 ? GEMM_FP32 : GEMM_BF16;
}

// Types of a GEMM whose result is fp32.
static inline enum gemm_types to_fp32(const struct stage *stage)
{
    return stage->spec.precision == PRECISION_FP32 ? GEMM_FP32 : GEMM_BF16_FP32;
}

#endif
