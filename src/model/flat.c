/* linear, x-linear and res-linear: executes the GEMMs that the workspace's plan lists. */
#include "base/stop.h"
#include "kernel/bias_relu.h"
#include "kernel/gemm.h"
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

// Packs B of a GEMM, once per step: the stacked weights of its layers, of which the backward pass of x-linear
// skips the columns that multiply the re-fed input, since their gradient is not needed.
static void pack(const struct model *model, const struct flat_gemm *gemm, bool forward)
{
    const struct flat_workspace *plan = plan_of(model);
    const struct flat_layer *layer = &plan->layer[gemm->first];
    enum precision precision = model->spec.precision;
    size_t ld = (size_t)(forward ? gemm->from.width : gemm->to.width);
    for (int i = 0; i < gemm->layers; i++) {
        const struct tensor *weight = weight_of(model, layer + i);
        size_t rows = (size_t)weight->rows, columns = forward ? (size_t)weight->columns : ld,
               first = (size_t)i * (forward ? columns : rows * ld);
        for (size_t j = 0; j < rows; j++)
            operand_copy(element_at(model, plan->staging, first + j * ld),
                         model->parameters + weight->offset + j * (size_t)weight->columns, columns,
                         precision);
    }
    gemm_pack(precision, gemm->to.width, gemm->from.width, plan->staging, forward, gemm->packed);
}

static void set_parameters(struct model *model)
{
    const struct flat_workspace *plan = plan_of(model);
    for (int i = 0; i < plan->forward_gemms; i++)
        pack(model, &plan->forward[i], true);
    for (int i = 0; i < plan->backward_gemms; i++)
        pack(model, &plan->backward[i], false);
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
    enum precision stored = model->spec.precision;
    bool last = gemm->to.buffer == FLAT_OUTPUT;
    struct matrix from = activation(model, gemm->from);
    struct matrix to = last ? (struct matrix){output, gemm->to.width} : activation(model, gemm->to);
    const float *bias = bias_of(model, gemm);
    for (int row = 0; row < sets; row += model->sets)
        gemm_multiply(&(struct gemm){.types = last ? to_fp32(model) : to_activation(model),
                                     .m = shard_from(model, row, sets),
                                     .n = gemm->to.width,
                                     .k = gemm->from.width,
                                     .lda = from.ld,
                                     .ldc = to.ld,
                                     .a = row_of(from, row, stored).at,
                                     .packed = gemm->packed,
                                     .c = row_of(to, row, last ? PRECISION_FP32 : stored).at,
                                     .bias = bias,
                                     .relu = gemm->relu.buffer != FLAT_NONE});
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
                  to = gradient_at(model, gemm->to, NULL);
    for (int row = 0; row < sets; row += model->sets) {
        int rows = shard_from(model, row, sets);
        void *dz = row_of(to, row, precision).at;
        gemm_multiply(&(struct gemm){.types = to_activation(model),
                                     .m = rows,
                                     .n = gemm->to.width,
                                     .k = gemm->from.width,
                                     .lda = from.ld,
                                     .ldc = to.ld,
                                     .a = row_of(from, row, precision).at,
                                     .packed = gemm->packed,
                                     .c = dz});
        if (gemm->relu.buffer != FLAT_NONE)
            relu_backward(dz, row_of(activation(model, gemm->relu), row, precision).at, rows, gemm->to.width,
                          to.ld, precision);
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
    gemm_multiply(&(struct gemm){.types = to_fp32(model),
                                 .m = weight->rows,
                                 .n = weight->columns,
                                 .k = rows,
                                 .lda = dz.ld,
                                 .ldb = in.ld,
                                 .a_transposed = true,
                                 .a = dz.at,
                                 .b = in.at,
                                 .c = gradient + weight->offset});
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
