/* The models that read their pairs as one flat row, as products of matrices, and where their buffers lie.
 *
 * All three are dense layers between columns of buffers [S, stride], S sets. Column ranges do the rest:
 * x-linear finds its input again behind each activation, and res-linear's main + skip is one product of [u,
 * h] with two weights, one above the other. */
#ifndef SPEC_FLAT_WORKSPACE_H
#define SPEC_FLAT_WORKSPACE_H

#include "spec/model_spec.h"

enum {
    FLAT_BUFFERS_MAX = WIDTHS_MAX + 2,
    FLAT_LAYERS_MAX = WIDTHS_MAX + 1,
    FLAT_OUTPUT = -1, // in place of a buffer: the model's output, fp32
    FLAT_NOTHING = -2,
};

/* Columns of a buffer. */
struct flat_span {
    int buffer, column, width;
};

/* A dense layer: z = in W^T + b, and the columns where the gradient at z stands. */
struct flat_layer {
    int weight; // its tensor; the bias follows
    struct flat_span in, dz;
    size_t operand; // where its weight stands among the forward weights, in numbers
};

/* to = from B, where B is the weights of consecutive layers, one above the other. */
struct flat_product {
    int first, layers;
    struct flat_span from, to;
    struct flat_span
        relu;      // backwards: to = 0 where these activations are. Forwards: `to` itself, if it has a ReLU
    size_t copy;   // backwards: where its weights stand among the backward weights, in numbers
    size_t packed; // B packed, only where the precision is not fp32
};

/* Offsets in floats. "p": stored in the model's precision. Gradients stand in buffers like those of the
 * activations. S: all shards' sets. */
struct flat_workspace {
    int inputs; // numbers of a set
    int buffers, layers, forwards, backwards;
    int stride[FLAT_BUFFERS_MAX];
    size_t activation[FLAT_BUFFERS_MAX]; // p [S, stride]; the first holds the input
    size_t gradient[FLAT_BUFFERS_MAX];   // p [S, stride]; the first does not exist
    int copies;                          // of the input, the first into buffer 0
    struct flat_span copy[FLAT_BUFFERS_MAX];
    struct flat_layer layer[FLAT_LAYERS_MAX];
    struct flat_product forward[FLAT_LAYERS_MAX], backward[FLAT_LAYERS_MAX]; // in order
    size_t forward_weights;  // p, each [in, out], under its operand
    size_t backward_weights; // p, each [out, flat_backward_stride], under its product's copy
    size_t bias;             // [widest], a sum of two layers'
    size_t output_gradient;  // p [S, outputs]; only where the precision is not fp32
    size_t total;
};

/* Rows of a product's backward weights: in fp32 of whole lanes, which products like; else dense, to be
 * packed. */
int flat_backward_stride(const struct model_spec *model, const struct flat_product *product);

void flat_workspace_plan(const struct model_spec *model, int sets, int shards, struct flat_workspace *layout);

#endif
