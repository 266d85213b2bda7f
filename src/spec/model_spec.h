/* What learns, described: its table of tensors, its cost and its memory, no arithmetic.
 *
 * All parameters live in ONE flat float vector; the table says which tensor is where. Optimizers, allreduce,
 * checkpoint and export work on the vector and the table and never know which model it is. */
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
    int pair_width; // inputs of the encoder: d + 1
    int pairs;      // pairs of a set
    int embed_dim;  // E
    struct widths encoder, decoder;
    struct widths hidden; // of the flat models
    int outputs;
    enum precision precision; // of operands, activations and their gradients
    int heads, queries;       // of attention; the heads divide E
};

struct tensor {
    char name[40];      // PyTorch's
    int rows;           // out
    int columns;        // in; 0 for a vector (a bias)
    size_t offset;      // in floats, into the flat vector
    int fan_in;         // starts as U(-1, 1) / sqrt(fan_in), as PyTorch's nn.Linear does
    bool hidden_matrix; // a 2-D weight of neither the first nor the last layer: what muon moves
};

enum { TENSORS_MAX = 4 * WIDTHS_MAX + 10 };

struct tensor_table {
    int count;
    size_t parameters; // length of the flat vector, in floats
    struct tensor tensors[TENSORS_MAX];
};

void model_tensors(const struct model_spec *model, struct tensor_table *table);

size_t tensor_size(const struct tensor *tensor); // in floats

/* Numbers of a shard's gradient: of each parameter, and behind them what attention has of products of
 * parameters: queries x heads x the encoder's last width. */
size_t model_gradient_elements(const struct model_spec *model);

/* How many parameters, from *begin on, have their gradient from model_expand_gradient: some with attention,
 * else none. */
size_t model_expanded_parameters(const struct model_spec *model, size_t *begin);

/* Width of the decoder's input: E, with moments 2 E, with attention E for each query. */
int model_embedding_width(const struct model_spec *model);

/* The FLOPs that mathematics needs (two a multiply-add; the pooling before the last encoder layer where that
 * is linear in it, else dense; attention's scores, but not its weighted sums; no gradient at the input) for
 * one set: forward alone, and forward and backward. */
double model_forward_flops(const struct model_spec *model);
double model_step_flops(const struct model_spec *model);

/* Sets that go through the encoder together: a function of the shapes alone, since the bits depend on it. At
 * least 1, at most `sets`. */
int model_tile_sets(const struct model_spec *model, int sets);

/* Rows of a tile on the way back, with those that are filled up: with whole blocks of rows, products over
 * them are quickest. */
static inline int model_round_rows(int rows, enum precision precision)
{
    int block = precision == PRECISION_FP32 ? 16 : 32;
    return (rows + block - 1) / block * block;
}

/* Whether the way back through the encoder's two hidden layers is of transposed gradients, [units, rows]:
 * where the encoder's last layer comes after pooling they are known in that form, which is then the only one,
 * and its products are plain ones. In bf16 a product whose right operand is not packed takes longer than
 * writing the other form. */
bool model_transposes_gradient(const struct model_spec *model);

/* Whether pooling is linear in the last hidden layer: the encoder's last layer, linear too, then comes after
 * it. */
static inline bool model_pools_by_sum(const struct model_spec *model)
{
    return model->pooling == POOLING_MEAN || model->pooling == POOLING_SUM;
}

/* Whether pooling needs the embedding of every pair: the encoder's last layer then comes before it. */
static inline bool model_embeds_pairs(const struct model_spec *model)
{
    return model->pooling == POOLING_MAX || model->pooling == POOLING_MOMENTS;
}

/* Whether several shards can go through a model together, so that its layers, flat models' and those after
 * pooling, read a weight once for all of them. Not where each pair keeps much for the way back. */
static inline bool model_batches_shards(const struct model_spec *model)
{
    return model->kind != MODEL_DEEP_SETS || model_pools_by_sum(model);
}

/* Bytes of a model's workspace for so many shards of `sets` sets at a time. */
size_t model_workspace_bytes(const struct model_spec *model, int sets, int shards);

#endif
