/* Workspace of the models that read the pairs of a set as one flat row (linear, x-linear, res-linear), and
 * the list of their GEMMs.
 *
 * All three models are dense layers between column ranges of buffers [S, stride], S sets. In x-linear a copy
 * of the input follows each activation in its row; in res-linear main + skip is one GEMM of [u, h] with two
 * weights stacked on top of each other. */
#ifndef SPEC_FLAT_WORKSPACE_H
#define SPEC_FLAT_WORKSPACE_H

#include "spec/model_spec.h"

enum {
    FLAT_BUFFERS_MAX = WIDTHS_MAX + 2,
    FLAT_LAYERS_MAX = WIDTHS_MAX + 1,
    FLAT_OUTPUT = -1, // in place of a buffer: the model's output, fp32
    FLAT_NONE = -2,   // no buffer: the GEMM has no ReLU
};

/* Columns [column, column + width) of a buffer. */
struct flat_span {
    int buffer, column, width;
};

/* A dense layer z = in W^T + b; dz: the columns that hold the gradient at z. */
struct flat_layer {
    int weight; // index of its tensor; the bias is the next one
    struct flat_span in, dz;
};

/* A GEMM to = from B, where B is the stacked weights of `layers` consecutive layers from `first` on. */
struct flat_gemm {
    int first, layers;
    struct flat_span from, to;
    // Forward: `to` if a ReLU follows. Backward: the activations of the ReLU that `to` passes. Or FLAT_NONE.
    struct flat_span relu;
    void *packed; // p, packed B
};

/* Buffers marked "p" are stored in the model's precision. Gradients have the same buffers
 * as activations. S: sets of all shards. */
struct flat_workspace {
    int inputs; // elements of a set's input
    int buffers, layers, forward_gemms, backward_gemms;
    int stride[FLAT_BUFFERS_MAX];
    void *activation[FLAT_BUFFERS_MAX]; // p [S, stride]; buffer 0 holds the input
    void *gradient[FLAT_BUFFERS_MAX];   // p [S, stride]; none for buffer 0
    int copies;                         // of the input; the first one is in buffer 0
    struct flat_span copy[FLAT_BUFFERS_MAX];
    struct flat_layer layer[FLAT_LAYERS_MAX];
    struct flat_gemm forward[FLAT_LAYERS_MAX], backward[FLAT_LAYERS_MAX]; // in order of execution
    void *staging;         // p, scratch: the weights that are being packed
    float *bias;           // [hidden.width[0]], sum of the biases of two layers; res-linear only
    void *output_gradient; // p [S, outputs]; not in fp32
};

/* Lists the GEMMs and plans a workspace for at most `shards` shards of at most `sets` sets in `memory`
 * (arena.h). Returns its length in floats. */
size_t flat_workspace_plan(const struct model_spec *model, int sets, int shards, float *memory,
                           struct flat_workspace *workspace);

/* Length of that workspace in floats. */
size_t flat_workspace_floats(const struct model_spec *model, int sets, int shards);

#endif
