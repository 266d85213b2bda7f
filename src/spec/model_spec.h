/* Description of a model: its tensors, FLOPs and memory. src/model computes with it.
 *
 * All parameters are in ONE flat float vector; a table has the name, shape and offset of each tensor.
 * Optimizers, all-reduce, checkpoints and exports use the vector and the table and do not depend on the
 * model. */
#ifndef SPEC_MODEL_SPEC_H
#define SPEC_MODEL_SPEC_H

#include "base/precision.h"
#include "base/widths.h"

#include <stdbool.h>
#include <stddef.h>

enum model_kind { MODEL_LINEAR, MODEL_X_LINEAR, MODEL_RES_LINEAR, MODEL_DEEP_SETS };

enum pooling_kind { POOLING_MEAN, POOLING_SUM, POOLING_MAX, POOLING_MOMENTS, POOLING_ATTENTION };

struct model_spec {
    enum model_kind kind;
    enum pooling_kind pooling;
    int pair_width; // floats per pair, inputs of the encoder
    int pairs;      // pairs per set
    int embed_dim;  // E
    struct widths encoder, decoder;
    struct widths hidden; // of the flat models (linear, x-linear, res-linear)
    int outputs;
    enum precision precision; // of operands, activations and their gradients
    int heads, queries;       // of attention; `heads` divides E
};

struct tensor {
    char name[40];      // as in PyTorch
    int rows;           // out
    int columns;        // in; 0 for a vector (a bias)
    size_t offset;      // in floats, into the flat vector
    int fan_in;         // initial values: U(-1, 1) / sqrt(fan_in), as in PyTorch's nn.Linear
    bool hidden_matrix; // a matrix of neither the first nor the last layer: updated by muon
};

enum { TENSORS_MAX = 4 * WIDTHS_MAX + 10 };

struct tensor_table {
    int count;
    size_t parameters; // length of the flat vector, in floats
    struct tensor tensors[TENSORS_MAX];
};

/* Lists the tensors of a model in the order of the flat vector. */
void model_tensors(const struct model_spec *model, struct tensor_table *table);

/* Number of elements of a tensor. */
size_t tensor_size(const struct tensor *tensor);

/* Elements of a shard's gradient: one per parameter, followed with attention by the gradient of the merged
 * queries [queries, heads, width of the encoder's last hidden layer]. */
size_t model_gradient_elements(const struct model_spec *model);

/* Number of parameters, from *begin on, whose gradient model_expand_gradient computes: 0 without attention.
 */
size_t model_expanded_parameters(const struct model_spec *model, size_t *begin);

/* Width of the decoder's input: E, with moments 2 E, with attention E per query. */
int model_embedding_width(const struct model_spec *model);

/* Useful FLOPs per set: of the forward pass, and of a training step (forward and backward pass). A
 * multiply-add counts as two. Counted are dense layers and attention's scores, with pooling before the
 * encoder's last layer if pooling is linear; not counted are attention's weighted sums and the gradient at
 * the input. */
double model_forward_flops(const struct model_spec *model);
double model_step_flops(const struct model_spec *model);

/* Sets per tile of the encoder, from 1 to `sets`. A function of the shapes alone, since the bits of gradients
 * depend on it. */
int model_tile_sets(const struct model_spec *model, int sets);

/* `rows` of a tile in the backward pass, rounded up to the blocks in which GEMMs over rows are fastest. The
 * rows added are zero. */
static inline int model_round_rows(int rows, enum precision precision)
{
    int block = precision == PRECISION_FP32 ? 16 : 32;
    return (rows + block - 1) / block * block;
}

/* Whether the backward pass of an encoder with two hidden layers uses transposed gradients, [units, rows]. If
 * the encoder's last layer comes after pooling, pooling computes the gradient directly in that form, and no
 * GEMM has to transpose it. Not in bf16, where a GEMM whose right-hand operand is not packed takes longer
 * than writing the gradient in both forms. */
bool model_transposes_gradient(const struct model_spec *model);

/* Whether pooling is linear in the last hidden layer. The encoder's last layer, also linear, then comes after
 * pooling. */
static inline bool model_pools_by_sum(const struct model_spec *model)
{
    return model->pooling == POOLING_MEAN || model->pooling == POOLING_SUM;
}

/* Whether pooling needs the embedding of every pair. The encoder's last layer then comes before pooling. */
static inline bool model_embeds_pairs(const struct model_spec *model)
{
    return model->pooling == POOLING_MAX || model->pooling == POOLING_MOMENTS;
}

/* Whether several shards go through a model together, so that the layers of flat models and the layers after
 * pooling read each weight once for all shards. Not if every pair keeps its activations for the backward
 * pass. */
static inline bool model_batches_shards(const struct model_spec *model)
{
    return model->kind != MODEL_DEEP_SETS || model_pools_by_sum(model);
}

/* Bytes of a model's workspace for `shards` shards of `sets` sets at a time. */
size_t model_workspace_bytes(const struct model_spec *model, int sets, int shards);

#endif
