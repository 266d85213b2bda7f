/* linear, x-linear and res-linear: executes the GEMMs that the workspace's plan lists. */
#include "base/stop.h"
#include "kernel/bias_relu.h"
#include "kernel/gemm.h"
#include "kernel/lanes.h"
#include "kernel/operand.h"
#include "model/network.h"

#include <string.h>

static const struct flat_workspace *plan_of(const struct model *model)
{
    return &model->plan.flat;
}

static bool is_rounded(const struct model *model)
{
    return model->spec.precision != PRECISION_FP32;
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
    return element_at(model, plan_of(model)->forward_weights, layer->operand);
}

// An fp32 weight is its own operand if the GEMM uses all of its columns, no other weight and rows of whole
// vectors.
static bool is_copied(const struct model *model, const struct flat_gemm *gemm)
{
    int width = gemm->to.width;
    return is_rounded(model) || gemm->layers > 1 || width % LANES != 0 ||
           width != weight_of(model, &plan_of(model)->layer[gemm->first])->columns;
}

static void *copied_weights(const struct model *model, const struct flat_gemm *gemm)
{
    return element_at(model, plan_of(model)->backward_weights, gemm->copy);
}

// For x-linear, skips the columns that multiply the re-fed input: their gradient is not needed.
static void copy_weights(const struct model *model, const struct flat_gemm *gemm)
{
    const struct flat_layer *first = &plan_of(model)->layer[gemm->first];
    size_t bytes = precision_bytes(model->spec.precision);
    size_t stride = (size_t)flat_backward_stride(&model->spec, gemm);
    char *to = copied_weights(model, gemm);
    for (int i = 0; i < gemm->layers; i++) {
        const struct tensor *weight = weight_of(model, first + i);
        const float *row = model->parameters + weight->offset;
        for (int j = 0; j < weight->rows; j++, row += weight->columns, to += stride * bytes)
            operand_copy(to, row, (size_t)gemm->to.width, model->spec.precision);
    }
}

static const void *backward_weights(const struct model *model, const struct flat_gemm *gemm)
{
    const struct flat_layer *layer = &plan_of(model)->layer[gemm->first];
    return is_copied(model, gemm) ? copied_weights(model, gemm)
                                  : model->parameters + weight_of(model, layer)->offset;
}

// Packs B of a GEMM, once per step. In fp32 a plain B is as fast and needs no dense rows.
static void pack(const struct model *model, const struct flat_gemm *gemm, const void *weights)
{
    if (is_rounded(model))
        gemm_pack(model->spec.precision, gemm->to.width, gemm->from.width, weights, false, gemm->packed);
}

static void set_parameters(struct model *model)
{
    const struct flat_workspace *plan = plan_of(model);
    enum precision precision = model->spec.precision;
    for (int i = 0; i < plan->layers; i++) {
        const struct tensor *weight = weight_of(model, &plan->layer[i]);
        operand_transpose(forward_weight(model, &plan->layer[i]), model->parameters + weight->offset,
                          weight->rows, weight->columns, precision);
    }
    for (int i = 0; i < plan->forward_gemms; i++)
        pack(model, &plan->forward[i], forward_weight(model, &plan->layer[plan->forward[i].first]));
    for (int i = 0; i < plan->backward_gemms; i++) {
        if (is_copied(model, &plan->backward[i]))
            copy_weights(model, &plan->backward[i]);
        pack(model, &plan->backward[i], backward_weights(model, &plan->backward[i]));
    }
}

// ---- columns of buffers ----

struct matrix {
    void *at;
    int ld;
};

static struct matrix activation(const struct model *model, struct flat_span span)
{
    const struct flat_workspace *plan = plan_of(model);
    return (struct matrix){element_at(model, plan->activation[span.buffer], (size_t)span.column),
                           plan->stride[span.buffer]};
}

// Gradient at a span. The gradient at the output is the caller's in fp32 and a rounded copy in bf16.
static struct matrix gradient_at(const struct model *model, struct flat_span span,
                                 const float *output_gradient)
{
    const struct flat_workspace *plan = plan_of(model);
    if (span.buffer == FLAT_OUTPUT)
        return (struct matrix){is_rounded(model) ? plan->output_gradient : (void *)output_gradient,
                               span.width};
    return (struct matrix){element_at(model, plan->gradient[span.buffer], (size_t)span.column),
                           plan->stride[span.buffer]};
}

// Rows of `matrix` from `row` on.
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

// to = from B. weights: B as a plain matrix, read in fp32 only
static void multiply(const struct model *model, const struct flat_gemm *gemm, enum gemm_types types, int rows,
                     struct matrix from, struct matrix weights, struct matrix to)
{
    int n = gemm->to.width, k = gemm->from.width;
    if (is_rounded(model))
        gemm_packed(types, rows, n, k, from.at, from.ld, gemm->packed, to.at, to.ld);
    else
        gemm_nn(types, rows, n, k, from.at, from.ld, weights.at, weights.ld, to.at, to.ld, false);
}

// ---- forward ----

static void copy_input(const struct model *model, int sets, const float *pairs)
{
    const struct flat_workspace *plan = plan_of(model);
    size_t bytes = precision_bytes(model->spec.precision), inputs = (size_t)plan->inputs;
    struct matrix first = activation(model, plan->copy[0]);
    for (int set = 0; set < sets; set++) {
        char *row = (char *)first.at + (size_t)set * (size_t)first.ld * bytes;
        operand_copy(row, pairs + (size_t)set * inputs, inputs, model->spec.precision);
        for (int i = 1; i < plan->copies; i++) {
            struct matrix copy = activation(model, plan->copy[i]);
            memcpy((char *)copy.at + (size_t)set * (size_t)copy.ld * bytes, row, inputs * bytes);
        }
    }
}

// Bias of a GEMM: the sum of its layers' biases.
static const float *bias_of(const struct model *model, const struct flat_gemm *gemm)
{
    const struct flat_layer *layer = &plan_of(model)->layer[gemm->first];
    const float *bias = model->parameters + bias_offset(model, layer);
    if (gemm->layers == 1)
        return bias;
    float *sum = plan_of(model)->bias;
    memcpy(sum, bias, (size_t)gemm->to.width * sizeof *sum);
    bias_add(sum, model->parameters + bias_offset(model, layer + 1), 1, gemm->to.width, gemm->to.width,
             PRECISION_FP32);
    return sum;
}

static void multiply_forward(const struct model *model, const struct flat_gemm *gemm, int sets, float *output)
{
    const struct flat_workspace *plan = plan_of(model);
    enum precision stored = model->spec.precision;
    bool last = gemm->to.buffer == FLAT_OUTPUT;
    int width = gemm->to.width;
    enum precision precision = last ? PRECISION_FP32 : stored;
    struct matrix from = activation(model, gemm->from);
    struct matrix to = last ? (struct matrix){output, width} : activation(model, gemm->to);
    struct matrix weights = {forward_weight(model, &plan->layer[gemm->first]), width};
    const float *bias = bias_of(model, gemm);
    for (int row = 0; row < sets; row += model->sets) {
        int rows = shard_from(model, row, sets);
        struct matrix z = row_of(to, row, precision);
        multiply(model, gemm, last ? to_fp32(model) : to_activation(model), rows, row_of(from, row, stored),
                 weights, z);
        if (gemm->relu.buffer != FLAT_NONE)
            bias_relu(z.at, bias, rows, width, z.ld, precision);
        else
            bias_add(z.at, bias, rows, width, z.ld, precision);
    }
}

static void forward(struct model *model, int sets, const float *pairs, float *output)
{
    const struct flat_workspace *plan = plan_of(model);
    copy_input(model, sets, pairs);
    for (int i = 0; i < plan->forward_gemms && !stop_requested(); i++)
        multiply_forward(model, &plan->forward[i], sets, output);
}

// ---- backward ----

static void multiply_backward(const struct model *model, const struct flat_gemm *gemm, int sets,
                              const float *output_gradient)
{
    enum precision precision = model->spec.precision;
    struct matrix from = gradient_at(model, gemm->from, output_gradient),
                  to = gradient_at(model, gemm->to, NULL),
                  weights = {(void *)backward_weights(model, gemm), flat_backward_stride(&model->spec, gemm)};
    for (int row = 0; row < sets; row += model->sets) {
        int rows = shard_from(model, row, sets);
        struct matrix dz = row_of(to, row, precision);
        multiply(model, gemm, to_activation(model), rows, row_of(from, row, precision), weights, dz);
        if (gemm->relu.buffer != FLAT_NONE)
            relu_backward(dz.at, row_of(activation(model, gemm->relu), row, precision).at, rows,
                          gemm->to.width, dz.ld, precision);
    }
}

static void layer_gradient(const struct model *model, const struct flat_layer *layer, int row, int rows,
                           const float *output_gradient, float *gradient)
{
    enum precision precision = model->spec.precision;
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
    size_t count = tensor_size(weight) + (size_t)weight->rows; // weight and bias
    for (int shard = 0, row = 0; row < sets; shard++, row += model->sets) {
        float *gradient = gradients->of(gradients->context, shard);
        layer_gradient(model, layer, row, shard_from(model, row, sets), output_gradient, gradient);
        gradients->finished(gradients->context, shard, weight->offset, count);
    }
}

static void backward(struct model *model, int sets, const float *pairs, const float *output_gradient,
                     const struct model_gradients *gradients)
{
    (void)pairs; // the input is in activation buffer 0
    const struct flat_workspace *plan = plan_of(model);
    if (is_rounded(model))
        operand_copy(plan->output_gradient, output_gradient, (size_t)sets * (size_t)model->spec.outputs,
                     model->spec.precision);
    for (int i = 0; i < plan->backward_gemms && !stop_requested(); i++)
        multiply_backward(model, &plan->backward[i], sets, output_gradient);
    for (int i = 0; i < plan->layers && !stop_requested(); i++)
        layer_gradients(model, &plan->layer[i], sets, output_gradient, gradients);
}

static size_t plan_workspace(struct model *model, int sets, int shards)
{
    return flat_workspace_plan(&model->spec, sets, shards, model->workspace, &model->plan.flat);
}

const struct network flat_network = {.plan_workspace = plan_workspace,
                                     .set_parameters = set_parameters,
                                     .forward = forward,
                                     .backward = backward};
