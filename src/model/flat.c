/* linear, x-linear and res-linear: the products that their layout lists, one after the other. */
#include "base/stop.h"
#include "kernel/bias_relu.h"
#include "kernel/gemm.h"
#include "kernel/lanes.h"
#include "kernel/operand.h"
#include "model/network.h"

#include <string.h>

static const struct flat_workspace *layout_of(const struct model *model)
{
    return &model->layout.flat;
}

static bool is_rounded(const struct model *model)
{
    return model->description.precision != PRECISION_FP32;
}

// ---- tensors and operands ----

static const struct tensor *weight_of(const struct model *model, const struct flat_layer *layer)
{
    return &model->table.tensors[layer->weight];
}

static size_t bias_offset(const struct model *model, const struct flat_layer *layer)
{
    return model->table.tensors[layer->weight + 1].offset;
}

static void *forward_weight(const struct model *model, const struct flat_layer *layer) // [in, out]
{
    return workspace_elements(model, layout_of(model)->forward_weights, layer->operand);
}

// A single fp32 weight of which all columns go back is its own operand, if its rows begin at whole lanes.
static bool is_copied(const struct model *model, const struct flat_product *product)
{
    int width = product->to.width;
    return is_rounded(model) || product->layers > 1 || width % LANES != 0 ||
           width != weight_of(model, &layout_of(model)->layer[product->first])->columns;
}

static void *copied_weights(const struct model *model, const struct flat_product *product)
{
    return workspace_elements(model, layout_of(model)->backward_weights, product->copy);
}

// Of x-linear's weights those of the input do not go back.
static void copy_weights(const struct model *model, const struct flat_product *product)
{
    const struct flat_layer *first = &layout_of(model)->layer[product->first];
    size_t bytes = precision_bytes(model->description.precision);
    size_t stride = (size_t)flat_backward_stride(&model->description, product);
    char *to = copied_weights(model, product);
    for (int i = 0; i < product->layers; i++) {
        const struct tensor *weight = weight_of(model, first + i);
        const float *row = model->parameters + weight->offset;
        for (int j = 0; j < weight->rows; j++, row += weight->columns, to += stride * bytes)
            operand_copy(to, row, (size_t)product->to.width, model->description.precision);
    }
}

static const void *backward_weights(const struct model *model, const struct flat_product *product)
{
    const struct flat_layer *layer = &layout_of(model)->layer[product->first];
    return is_copied(model, product) ? copied_weights(model, product)
                                     : model->parameters + weight_of(model, layer)->offset;
}

// B of a product anew for each step; in fp32 a plain one is as quick, and rows need not be dense beside it.
static void pack(const struct model *model, const struct flat_product *product, const void *weights)
{
    if (is_rounded(model))
        gemm_pack(model->description.precision, product->to.width, product->from.width, weights, false,
                  workspace_at(model, product->packed));
}

static void use(struct model *model)
{
    const struct flat_workspace *layout = layout_of(model);
    enum precision precision = model->description.precision;
    for (int i = 0; i < layout->layers; i++) {
        const struct tensor *weight = weight_of(model, &layout->layer[i]);
        operand_transpose(forward_weight(model, &layout->layer[i]), model->parameters + weight->offset,
                          weight->rows, weight->columns, precision);
    }
    for (int i = 0; i < layout->forwards; i++)
        pack(model, &layout->forward[i], forward_weight(model, &layout->layer[layout->forward[i].first]));
    for (int i = 0; i < layout->backwards; i++) {
        if (is_copied(model, &layout->backward[i]))
            copy_weights(model, &layout->backward[i]);
        pack(model, &layout->backward[i], backward_weights(model, &layout->backward[i]));
    }
}

// ---- columns of buffers ----

struct matrix {
    void *at;
    int ld;
};

static struct matrix activation(const struct model *model, struct flat_span span)
{
    const struct flat_workspace *layout = layout_of(model);
    return (struct matrix){workspace_elements(model, layout->activation[span.buffer], (size_t)span.column),
                           layout->stride[span.buffer]};
}

// The gradient at the output is fp32; as an operand of products it is rounded.
static struct matrix gradient_at(const struct model *model, struct flat_span span,
                                 const float *output_gradient)
{
    const struct flat_workspace *layout = layout_of(model);
    if (span.buffer == FLAT_OUTPUT)
        return (struct matrix){is_rounded(model) ? workspace_at(model, layout->output_gradient)
                                                 : (void *)output_gradient,
                               span.width};
    return (struct matrix){workspace_elements(model, layout->gradient[span.buffer], (size_t)span.column),
                           layout->stride[span.buffer]};
}

// From row `row` on.
static struct matrix row_of(struct matrix matrix, int row, enum precision precision)
{
    size_t bytes = (size_t)row * (size_t)matrix.ld * precision_bytes(precision);
    return (struct matrix){(char *)matrix.at + bytes, matrix.ld};
}

static enum gemm_types to_activation(const struct model *model)
{
    return is_rounded(model) ? GEMM_BF16 : GEMM_FP32;
}

static enum gemm_types to_fp32(const struct model *model)
{
    return is_rounded(model) ? GEMM_BF16_FP32 : GEMM_FP32;
}

// to = from B.  weights: B as a plain matrix
static void multiply(const struct model *model, const struct flat_product *product, enum gemm_types numbers,
                     int rows, struct matrix from, struct matrix weights, struct matrix to)
{
    int n = product->to.width, k = product->from.width;
    if (is_rounded(model))
        gemm_packed(numbers, rows, n, k, from.at, from.ld, workspace_at(model, product->packed), to.at,
                    to.ld);
    else
        gemm_nn(numbers, rows, n, k, from.at, from.ld, weights.at, weights.ld, to.at, to.ld, false);
}

// ---- forward ----

static void copy_input(const struct model *model, int sets, const float *pairs)
{
    const struct flat_workspace *layout = layout_of(model);
    size_t bytes = precision_bytes(model->description.precision), inputs = (size_t)layout->inputs;
    struct matrix first = activation(model, layout->copy[0]);
    for (int set = 0; set < sets; set++) {
        char *row = (char *)first.at + (size_t)set * (size_t)first.ld * bytes;
        operand_copy(row, pairs + (size_t)set * inputs, inputs, model->description.precision);
        for (int i = 1; i < layout->copies; i++) {
            struct matrix copy = activation(model, layout->copy[i]);
            memcpy((char *)copy.at + (size_t)set * (size_t)copy.ld * bytes, row, inputs * bytes);
        }
    }
}

// The bias of a product: its layers' sum.
static const float *bias_of(const struct model *model, const struct flat_product *product)
{
    const struct flat_layer *layer = &layout_of(model)->layer[product->first];
    const float *bias = model->parameters + bias_offset(model, layer);
    if (product->layers == 1)
        return bias;
    float *sum = workspace_at(model, layout_of(model)->bias);
    memcpy(sum, bias, (size_t)product->to.width * sizeof *sum);
    bias_add(sum, model->parameters + bias_offset(model, layer + 1), 1, product->to.width, product->to.width,
             PRECISION_FP32);
    return sum;
}

static void multiply_forward(const struct model *model, const struct flat_product *product, int sets,
                             float *output)
{
    const struct flat_workspace *layout = layout_of(model);
    enum precision stored = model->description.precision;
    bool last = product->to.buffer == FLAT_OUTPUT;
    int width = product->to.width;
    enum precision precision = last ? PRECISION_FP32 : stored;
    struct matrix from = activation(model, product->from);
    struct matrix to = last ? (struct matrix){output, width} : activation(model, product->to);
    struct matrix weights = {forward_weight(model, &layout->layer[product->first]), width};
    const float *bias = bias_of(model, product);
    for (int row = 0; row < sets; row += model->sets) {
        int rows = shard_from(model, row, sets);
        struct matrix z = row_of(to, row, precision);
        multiply(model, product, last ? to_fp32(model) : to_activation(model), rows,
                 row_of(from, row, stored), weights, z);
        if (product->relu.buffer != FLAT_NOTHING)
            bias_relu(z.at, bias, rows, width, z.ld, precision);
        else
            bias_add(z.at, bias, rows, width, z.ld, precision);
    }
}

static void forward(struct model *model, int sets, const float *pairs, float *output)
{
    const struct flat_workspace *layout = layout_of(model);
    copy_input(model, sets, pairs);
    for (int i = 0; i < layout->forwards && !stop_requested(); i++)
        multiply_forward(model, &layout->forward[i], sets, output);
}

// ---- backward ----

static void multiply_backward(const struct model *model, const struct flat_product *product, int sets,
                              const float *output_gradient)
{
    enum precision precision = model->description.precision;
    struct matrix from = gradient_at(model, product->from, output_gradient),
                  to = gradient_at(model, product->to, NULL),
                  weights = {(void *)backward_weights(model, product),
                             flat_backward_stride(&model->description, product)};
    for (int row = 0; row < sets; row += model->sets) {
        int rows = shard_from(model, row, sets);
        struct matrix dz = row_of(to, row, precision);
        multiply(model, product, to_activation(model), rows, row_of(from, row, precision), weights, dz);
        if (product->relu.buffer != FLAT_NOTHING)
            relu_backward(dz.at, row_of(activation(model, product->relu), row, precision).at, rows,
                          product->to.width, dz.ld, precision);
    }
}

static void layer_gradient(const struct model *model, const struct flat_layer *layer, int row, int rows,
                           const float *output_gradient, float *gradient)
{
    enum precision precision = model->description.precision;
    const struct tensor *weight = weight_of(model, layer);
    struct matrix dz = row_of(gradient_at(model, layer->dz, output_gradient), row, precision),
                  in = row_of(activation(model, layer->in), row, precision);
    float *db = gradient + bias_offset(model, layer);
    gemm_tn(to_fp32(model), weight->rows, weight->columns, rows, dz.at, dz.ld, in.at, in.ld,
            gradient + weight->offset, weight->columns, false);
    memset(db, 0, (size_t)weight->rows * sizeof *db);
    if (layer->dz.buffer == FLAT_OUTPUT)
        bias_gradient(db, output_gradient + (size_t)row * (size_t)weight->rows, rows, weight->rows,
                      weight->rows, PRECISION_FP32);
    else
        bias_gradient(db, dz.at, rows, weight->rows, dz.ld, precision);
}

static void layer_gradients(const struct model *model, const struct flat_layer *layer, int sets,
                            const float *output_gradient, const struct model_gradients *gradients)
{
    const struct tensor *weight = weight_of(model, layer);
    size_t count = tensor_size(weight) + (size_t)weight->rows; // and the bias behind it
    for (int shard = 0, row = 0; row < sets; shard++, row += model->sets) {
        float *gradient = gradients->of(gradients->context, shard);
        layer_gradient(model, layer, row, shard_from(model, row, sets), output_gradient, gradient);
        gradients->finished(gradients->context, shard, weight->offset, count);
    }
}

static void backward(struct model *model, int sets, const float *pairs, const float *output_gradient,
                     const struct model_gradients *gradients)
{
    (void)pairs; // the input stands in its buffer
    const struct flat_workspace *layout = layout_of(model);
    if (is_rounded(model))
        operand_copy(workspace_at(model, layout->output_gradient), output_gradient,
                     (size_t)sets * (size_t)model->description.outputs, model->description.precision);
    for (int i = 0; i < layout->backwards && !stop_requested(); i++)
        multiply_backward(model, &layout->backward[i], sets, output_gradient);
    for (int i = 0; i < layout->layers && !stop_requested(); i++)
        layer_gradients(model, &layout->layer[i], sets, output_gradient, gradients);
}

static size_t arrange(struct model *model, int sets, int shards)
{
    flat_workspace_plan(&model->description, sets, shards, &model->layout.flat);
    return model->layout.flat.total;
}

const struct network flat_network = {arrange, use, forward, backward, NULL};
