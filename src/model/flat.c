/* linear, x-linear and res-linear: the products that their layout lists, one after the other. */
#include "base/stop.h"
#include "kernel/activation.h"
#include "kernel/gemm.h"
#include "kernel/operand.h"
#include "model/network.h"

#include <string.h>

static const struct flat_layout *layout_of(const struct model *model)
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
    return workspace_numbers(model, layout_of(model)->forward_weights, layer->operand);
}

// A single fp32 weight is its own operand.
static bool is_copied(const struct model *model, const struct flat_product *product)
{
    return is_rounded(model) || product->layers > 1;
}

static void *copied_weight(const struct model *model, const struct flat_layer *layer) // [out, in]
{
    return workspace_numbers(model, layout_of(model)->backward_weights, layer->operand);
}

static const void *backward_weight(const struct model *model, const struct flat_product *product)
{
    const struct flat_layer *layer = &layout_of(model)->layer[product->first];
    return is_copied(model, product) ? copied_weight(model, layer)
                                     : model->parameters + weight_of(model, layer)->offset;
}

static void use(struct model *model)
{
    const struct flat_layout *layout = layout_of(model);
    enum precision precision = model->description.precision;
    for (int i = 0; i < layout->layers; i++) {
        const struct tensor *weight = weight_of(model, &layout->layer[i]);
        operand_transpose(forward_weight(model, &layout->layer[i]), model->parameters + weight->offset,
                          weight->rows, weight->columns, precision);
    }
    for (int i = 0; i < layout->backwards; i++) {
        const struct flat_product *product = &layout->backward[i];
        for (int j = product->first; j < product->first + product->layers && is_copied(model, product); j++) {
            const struct tensor *weight = weight_of(model, &layout->layer[j]);
            operand_copy(copied_weight(model, &layout->layer[j]), model->parameters + weight->offset,
                         tensor_size(weight), precision);
        }
    }
}

// ---- columns of buffers ----

struct matrix {
    void *at;
    int ld;
};

static struct matrix activation(const struct model *model, struct flat_span span)
{
    const struct flat_layout *layout = layout_of(model);
    return (struct matrix){workspace_numbers(model, layout->activation[span.buffer], (size_t)span.column),
                           layout->stride[span.buffer]};
}

// The gradient at the output is fp32; as an operand of products it is rounded.
static struct matrix gradient_at(const struct model *model, struct flat_span span,
                                 const float *output_gradient)
{
    const struct flat_layout *layout = layout_of(model);
    if (span.buffer == FLAT_OUTPUT)
        return (struct matrix){is_rounded(model) ? workspace_at(model, layout->output_gradient)
                                                 : (void *)output_gradient,
                               span.width};
    return (struct matrix){workspace_numbers(model, layout->gradient[span.buffer], (size_t)span.column),
                           layout->stride[span.buffer]};
}

static enum gemm_numbers to_activation(const struct model *model)
{
    return is_rounded(model) ? GEMM_BF16 : GEMM_FP32;
}

static enum gemm_numbers to_fp32(const struct model *model)
{
    return is_rounded(model) ? GEMM_BF16_FP32 : GEMM_FP32;
}

// ---- forward ----

static void copy_input(const struct model *model, int sets, const float *pairs)
{
    const struct flat_layout *layout = layout_of(model);
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

static void forward(struct model *model, int sets, const float *pairs, float *output)
{
    const struct flat_layout *layout = layout_of(model);
    copy_input(model, sets, pairs);
    for (int i = 0; i < layout->forwards && !stop_requested(); i++) {
        const struct flat_product *product = &layout->forward[i];
        bool last = product->to.buffer == FLAT_OUTPUT;
        int width = product->to.width;
        enum precision precision = last ? PRECISION_FP32 : model->description.precision;
        struct matrix from = activation(model, product->from);
        struct matrix to = last ? (struct matrix){output, width} : activation(model, product->to);
        gemm_nn(last ? to_fp32(model) : to_activation(model), sets, width, product->from.width, from.at,
                from.ld, forward_weight(model, &layout->layer[product->first]), width, to.at, to.ld, false);
        if (product->relu.buffer != FLAT_NOTHING)
            bias_relu(to.at, bias_of(model, product), sets, width, to.ld, precision);
        else
            bias_add(to.at, bias_of(model, product), sets, width, to.ld, precision);
    }
}

// ---- backward ----

static void layer_gradient(const struct model *model, const struct flat_layer *layer, int sets,
                           const float *output_gradient, float *gradient)
{
    const struct tensor *weight = weight_of(model, layer);
    struct matrix dz = gradient_at(model, layer->dz, output_gradient), in = activation(model, layer->in);
    float *db = gradient + bias_offset(model, layer);
    gemm_tn(to_fp32(model), weight->rows, weight->columns, sets, dz.at, dz.ld, in.at, in.ld,
            gradient + weight->offset, weight->columns, false);
    memset(db, 0, (size_t)weight->rows * sizeof *db);
    if (layer->dz.buffer == FLAT_OUTPUT)
        bias_gradient(db, output_gradient, sets, weight->rows, weight->rows, PRECISION_FP32);
    else
        bias_gradient(db, dz.at, sets, weight->rows, dz.ld, model->description.precision);
}

static void backward(struct model *model, int sets, const float *pairs, const float *output_gradient,
                     float *gradient)
{
    (void)pairs; // the input stands in its buffer
    const struct flat_layout *layout = layout_of(model);
    if (is_rounded(model))
        operand_copy(workspace_at(model, layout->output_gradient), output_gradient,
                     (size_t)sets * (size_t)model->description.outputs, model->description.precision);
    for (int i = 0; i < layout->backwards && !stop_requested(); i++) {
        const struct flat_product *product = &layout->backward[i];
        struct matrix from = gradient_at(model, product->from, output_gradient),
                      to = gradient_at(model, product->to, NULL);
        gemm_nn(to_activation(model), sets, product->to.width, product->from.width, from.at, from.ld,
                backward_weight(model, product), weight_of(model, &layout->layer[product->first])->columns,
                to.at, to.ld, false);
        if (product->relu.buffer != FLAT_NOTHING)
            relu_backward(to.at, activation(model, product->relu).at, sets, product->to.width, to.ld,
                          model->description.precision);
    }
    for (int i = 0; i < layout->layers && !stop_requested(); i++)
        layer_gradient(model, &layout->layer[i], sets, output_gradient, gradient);
}

static size_t arrange(struct model *model, int sets)
{
    flat_layout(&model->description, sets, &model->layout.flat);
    return model->layout.flat.total;
}

const struct network flat_network = {arrange, use, forward, backward};
