/* Description of a model: its tensors, FLOPs and memory. src/model computes with it.
 *
 * All parameters are in ONE flat float vector; a table has the name, shape and offset of each tensor.
 * Optimizers, all-reduce, checkpoints and exports use the vector and the table and do not depend on the
 * model. */
#ifndef SPEC_MODEL_SPEC_H
#define SPEC_MODEL_SPEC_H

#include "base/joined.h"
#include "base/precision.h"
#include "base/widths.h"
#include "spec/task_spec.h"

#include <stdbool.h>
#include <stddef.h>

/* The models: NAME in enum model_kind, word in sweep files, network that computes it, whether it reads sets
 * of any size (or all pairs of a set as one flat row of fixed length), function that lists its tensors. A
 * network N is `N_network` in src/model, and `N_workspace_floats` in src/spec is the length of its workspace.
 */
#define MODELS(MODEL)                                                                                        \
    MODEL(LINEAR, "linear", flat, false, linear_tensors)                                                     \
    MODEL(X_LINEAR, "x-linear", flat, false, linear_tensors)                                                 \
    MODEL(RES_LINEAR, "res-linear", flat, false, res_linear_tensors)                                         \
    MODEL(DEEP_SETS, "deep-sets", deep_sets, true, deep_sets_tensors)

/* How a pooling works: the input that it reads. Its workspace, its FLOPs and the place of the encoder's last
 * layer follow. */
enum pooling_method {
    POOLS_HIDDEN,     // linear in the last hidden layer; the encoder's last layer, linear too, comes after it
    POOLS_EMBEDDINGS, // the embedding of every pair, in forward and backward pass
    POOLS_SELECTED,   // the embedding of every pair, of which it selects one per element of the result
    POOLS_ATTENTION,  // the last hidden layer, weighted per query and head
};

/* The poolings: NAME in enum pooling_kind, word in sweep files, arithmetic, method, embeddings in the result,
 * whether + may join the pooling with others. The arithmetic A is `pooling_A` in src/model/pooling_A.c. With
 * attention the result has one embedding per query. pooling_joined.c and pooling_moments.c compute the joined
 * poolings. */
#define POOLINGS(POOLING)                                                                                    \
    POOLING(MEAN, "mean", mean, POOLS_HIDDEN, 1, true)                                                       \
    POOLING(SUM, "sum", mean, POOLS_HIDDEN, 1, true)                                                         \
    POOLING(MAX, "max", max, POOLS_SELECTED, 1, true)                                                        \
    POOLING(MOMENTS, "moments", moments, POOLS_EMBEDDINGS, 2, true)                                          \
    POOLING(ATTENTION, "attention", attention, POOLS_ATTENTION, 0, false)

#define MODEL_KIND(NAME, ...)   MODEL_##NAME,
#define POOLING_KIND(NAME, ...) POOLING_##NAME,
enum model_kind { MODELS(MODEL_KIND) MODEL_KINDS };
enum pooling_kind { POOLINGS(POOLING_KIND) POOLING_KINDS };

/* Bits of enum model_kind and enum pooling_kind. */
#define MODEL_BIT(NAME, word, network, reads_sets, tensors) | (unsigned)(reads_sets) << MODEL_##NAME
#define ATTENTION_BIT(NAME, word, code, method, ...)                                                         \
    | (unsigned)((method) == POOLS_ATTENTION) << POOLING_##NAME
#define JOIN_BIT(NAME, word, code, method, embeddings, joins) | (unsigned)(joins) << POOLING_##NAME
enum {
    MODELS_OF_SETS = 0 MODELS(MODEL_BIT),
    MODELS_OF_ROWS = (1u << MODEL_KINDS) - 1 - MODELS_OF_SETS,
    POOLINGS_WITH_QUERIES = 0 POOLINGS(ATTENTION_BIT),
    POOLINGS_TO_JOIN = 0 POOLINGS(JOIN_BIT),
};

/* Where a refinement begins: at the prediction, or after a least-squares step from it
 * (model/least_squares_step.h). */
enum refine_from { REFINE_FROM_PREDICTION, REFINE_FROM_LEAST_SQUARES };

struct model_spec {
    enum model_kind kind;
    enum pooling_kind pooling; // several, whose results are concatenated: joined.h
    int pair_width;            // floats per pair, inputs of the encoder
    int pairs;                 // pairs per set
    int embed_dim;             // E
    struct widths encoder, decoder;
    struct widths hidden; // of the flat models (linear, x-linear, res-linear)
    int outputs;
    enum precision precision; // of operands, activations and their gradients
    int heads, queries;       // of attention; `heads` divides E

    // Learned refinement: T stages after the first network correct its prediction, the weights of a
    // generator.
    int refinements;                  // T
    enum refine_from refine_from;     // of every refinement
    struct generator_shape generator; // with refinements
    int context;                      // of a stage (model_stage): floats per set that only the decoder reads
};

struct tensor {
    char name[40];      // as in PyTorch
    int rows;           // out
    int columns;        // in; 0 for a vector (a bias)
    size_t offset;      // in floats, into the flat vector
    int fan_in;         // initial values: U(-1, 1) / sqrt(fan_in), as in PyTorch's nn.Linear
    bool hidden_matrix; // a matrix of neither the first nor the last layer: updated by muon
};

enum {
    REFINEMENTS_MAX = 7,
    STAGES_MAX = 1 + REFINEMENTS_MAX,
    STAGE_TENSORS_MAX = 4 * WIDTHS_MAX + 10,
    TENSORS_MAX = STAGES_MAX * STAGE_TENSORS_MAX,
};

struct tensor_table {
    int count;
    size_t parameters; // length of the flat vector, in floats
    struct tensor tensors[TENSORS_MAX];
};

/* Number of networks in a model: 1 without refinements. */
static inline int model_stages(const struct model_spec *model)
{
    return 1 + model->refinements;
}

/* Description of network `stage` of a model, itself a model without refinements. From stage 1 on, a pair is
 * [x, y, 4 * residual, hidden units of the current prediction], and the context of the decoder is [current
 * prediction, J^T r / n]. */
struct model_spec model_stage(const struct model_spec *model, int stage);

/* Lists the tensors of a model in the order of the flat vector: those of stage 0, then those of the stages
 * after it, under the names of stage 0 after "stages.1." etc. */
void model_tensors(const struct model_spec *model, struct tensor_table *table);

/* Number of elements of a tensor. */
size_t tensor_size(const struct tensor *tensor);

/* Elements of a shard's gradient: one per parameter, followed with attention by the gradients of each stage's
 * merged queries [queries, heads, width of the encoder's last hidden layer]. */
size_t model_gradient_elements(const struct model_spec *model);

/* Number of parameters, from *begin on, among which model_expand_gradient writes gradients: 0 without
 * attention. */
size_t model_expanded_parameters(const struct model_spec *model, size_t *begin);

/* Width of the pooled embedding: E, with moments 2 E, with attention E per query; with joined poolings the
 * sum of theirs. */
int model_embedding_width(const struct model_spec *model);

/* Width of the decoder's input: the pooled embedding and the context. */
int model_decoder_width(const struct model_spec *model);

/* Useful FLOPs per set: of the forward pass, and of a training step (forward and backward pass). A
 * multiply-add counts as two. Counted are dense layers and attention's scores, with pooling before the
 * encoder's last layer if pooling is linear; not counted are attention's weighted sums and the gradient at
 * the input. */
double model_forward_flops(const struct model_spec *model);
double model_step_flops(const struct model_spec *model);

/* Sets per tile of the encoder, from 1 to `sets`. A function of the shapes alone, since the bits of gradients
 * depend on it. */
int model_tile_sets(const struct model_spec *model, int sets);

/* `rows` of a tile in the backward pass, rounded up to the blocks in which bf16 GEMMs over rows are fastest.
 * The rows added are zero. */
static inline int model_round_rows(int rows, enum precision precision)
{
    int block = precision == PRECISION_FP32 ? 1 : 32;
    return (rows + block - 1) / block * block;
}

/* Whether the model reads sets of any size. The other models have a fixed number of inputs. */
static inline bool model_reads_sets(const struct model_spec *model)
{
    return MODELS_OF_SETS & 1u << model->kind;
}

/* The method of the model's pooling. Joined poolings are POOLS_SELECTED if one of them is and all others are
 * POOLS_HIDDEN, else POOLS_EMBEDDINGS. */
enum pooling_method model_pooling_method(const struct model_spec *model);

/* Whether the model has several poolings. */
static inline bool model_joins_poolings(const struct model_spec *model)
{
    return (int)model->pooling >= JOINED_CHOICES_MAX;
}

/* Embeddings in the result of one pooling without queries: 1, with moments 2. */
int model_pooling_embeddings(enum pooling_kind pooling);

/* Whether pooling needs the embedding of every pair. The encoder's last layer then comes before pooling. */
static inline bool model_embeds_pairs(const struct model_spec *model)
{
    enum pooling_method method = model_pooling_method(model);
    return method == POOLS_EMBEDDINGS || method == POOLS_SELECTED;
}

/* Whether several shards go through a model together, so that the layers of flat models and the layers after
 * pooling read each weight once for all shards. Not if every pair keeps its activations for the backward
 * pass. */
static inline bool model_batches_shards(const struct model_spec *model)
{
    return !model_reads_sets(model) || model_pooling_method(model) == POOLS_HIDDEN;
}

/* Bytes of a model's workspace for `shards` shards of `sets` sets at a time. */
size_t model_workspace_bytes(const struct model_spec *model, int sets, int shards);

#endif
