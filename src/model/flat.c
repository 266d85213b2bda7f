/* linear, x-linear and res-linear: executes the GEMMs that the workspace's plan lists. */
#include "base/stop.h"
#include "kernel/bias_relu.h"
#include "kernel/gemm.h"
#include "kernel/operand.h"
#include "model/network.h"

#include <string.h>

static const struct flat_workspace *plan_of(const struct stage *stage)
{
    return &stage->plan.flat;
}

static bool is_rounded(const struct stage *stage)
{
    return stage->spec.precision != PRECISION_FP32;
}

// ---- tensors and operands ----

static const struct tensor *weight_of(const struct stage *stage, const struct flat_layer *layer)
{
    return &stage->table.tensors[layer->weight];
}

static size_t bias_offset(const struct stage *stage, const struct flat_layer *layer)
{
    return stage->table.tensors[layer->weight + 1].offset;
}

// Packs B of a GEMM, once per step: the stacked weights of its layers, of which the backward pass of x-linear
// skips the columns that multiply the re-fed input, since their gradient is not needed.
static void pack(const struct stage *stage, const struct flat_gemm *gemm, bool forward)
{
    const struct flat_workspace *plan = plan_of(stage);
    const struct flat_layer *layer = &plan->layer[gemm->first];
    enum precision precision = stage->spec.precision;
    size_t ld = (size_t)(forward ? gemm->from.width : gemm->to.width);
    for (int i = 0; i < gemm->layers; i++) {
        const struct tensor *weight = weight_of(stage, layer + i);
        size_t rows = (size_t)weight->rows, columns = forward ? (size_t)weight->columns : ld,
               first = (size_t)i * (forward ? columns : rows * ld);
        for (size_t j = 0; j < rows; j++)
            operand_copy(element_at(stage, plan->staging, first + j * ld),
                         stage->parameters + weight->offset + j * (size_t)weight->columns, columns,
                         precision);
    }
    gemm_pack(precision, gemm->to.width, gemm->from.width, plan->staging, forward, gemm->packed);
}

static void set_parameters(struct stage *stage)
{
    const struct flat_workspace *plan = plan_of(stage);
    for (int i = 0; i < plan->forward_gemms; i++)
        pack(stage, &plan->forward[i], true);
    for (int i = 0; i < plan->backward_gemms; i++)
        pack(stage, &plan->backward[i], false);
}

// ---- columns of buffers ----

struct matrix {
    void *at;
    int ld;
};

static struct matrix activation(const struct stage *stage, struct flat_span span)
{
    const struct flat_workspace *plan = plan_of(stage);
    return (struct matrix){element_at(stage, plan->activation[span.buffer], (size_t)span.column),
                           plan->stride[span.buffer]};
}

// Gradient at a span. The gradient at the output is the caller's in fp32 and a rounded copy in bf16.
static struct matrix gradient_at(const struct stage *stage, struct flat_span span,
                                 const float *output_gradient)
{
    const struct flat_workspace *plan = plan_of(stage);
    if (span.buffer == FLAT_OUTPUT)
        return (struct matrix){is_rounded(stage) ? plan->output_gradient : (void *)output_gradient,
                               span.width};
    return (struct matrix){element_at(stage, plan->gradient[span.buffer], (size_t)span.column),
                           plan->stride[span.buffer]};
}

// Rows of `matrix` from `row` on.
static struct matrix row_of(struct matrix matrix, int row, enum precision precision)
{
    size_t bytes = (size_t)row * (size_t)matrix.ld * precision_bytes(precision);
    return (struct matrix){(char *)matrix.at + bytes, matrix.ld};
}

// ---- forward ----

static void copy_input(const struct stage *stage, int sets, const float *pairs)
{
    const struct flat_workspace *plan = plan_of(stage);
    size_t bytes = precision_bytes(stage->spec.precision), inputs = (size_t)plan->inputs;
    struct matrix first = activation(stage, plan->copy[0]);
    for (int set = 0; set < sets; set++) {
        char *row = (char *)first.at + (size_t)set * (size_t)first.ld * bytes;
        operand_copy(row, pairs + (size_t)set * inputs, inputs, stage->spec.precision);
        for (int i = 1; i < plan->copies; i++) {
            struct matrix copy = activation(stage, plan->copy[i]);
            memcpy((char *)copy.at + (size_t)set * (size_t)copy.ld * bytes, row, inputs * bytes);
        }
    }
}

// Bias of a GEMM: the sum of its layers' biases.
static const float *bias_of(const struct stage *stage, const struct flat_gemm *gemm)
{
    const struct flat_layer *layer = &plan_of(stage)->layer[gemm->first];
    const float *bias = stage->parameters + bias_offset(stage, layer);
    if (gemm->layers == 1)
        return bias;
    float *sum = plan_of(stage)->bias;
    memcpy(sum, bias, (size_t)gemm->to.width * sizeof *sum);
    bias_add(sum, stage->parameters + bias_offset(stage, layer + 1), 1, gemm->to.width, gemm->to.width,
             PRECISION_FP32);
    return sum;
}

static void multiply_forward(const struct stage *stage, const struct flat_gemm *gemm, int sets, float *output)
{
    enum precision stored = stage->spec.precision;
    bool last = gemm->to.buffer == FLAT_OUTPUT;
    struct matrix from = activation(stage, gemm->from);
    struct matrix to = last ? (struct matrix){output, gemm->to.width} : activation(stage, gemm->to);
    const float *bias = bias_of(stage, gemm);
    for (int row = 0; row < sets; row += stage->sets)
        gemm_multiply(&(struct gemm){.types = last ? to_fp32(stage) : to_activation(stage),
                                     .m = shard_from(stage, row, sets),
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

static void forward(struct stage *stage, int sets, const float *pairs, float *output)
{
    const struct flat_workspace *plan = plan_of(stage);
    copy_input(stage, sets, pairs);
    for (int i = 0; i < plan->forward_gemms && !stop_requested(); i++)
        multiply_forward(stage, &plan->forward[i], sets, output);
}

// ---- backward ----

static void multiply_backward(const struct stage *stage, const struct flat_gemm *gemm, int sets,
                              const float *output_gradient)
{
    enum precision precision = stage->spec.precision;
    struct matrix from = gradient_at(stage, gemm->from, output_gradient),
                  to = gradient_at(stage, gemm->to, NULL);
    for (int row = 0; row < sets; row += stage->sets) {
        int rows = shard_from(stage, row, sets);
        void *dz = row_of(to, row, precision).at;
        gemm_multiply(&(struct gemm){.types = to_activation(stage),
                                     .m = rows,
                                     .n = gemm->to.width,
                                     .k = gemm->from.width,
                                     .lda = from.ld,
                                     .ldc = to.ld,
                                     .a = row_of(from, row, precision).at,
                                     .packed = gemm->packed,
                                     .c = dz});
        if (gemm->relu.buffer != FLAT_NONE)
            relu_backward(dz, row_of(activation(stage, gemm->relu), row, precision).at, rows, gemm->to.width,
                          to.ld, precision);
    }
}

static void layer_gradient(const struct stage *stage, const struct flat_layer *layer, int row, int rows,
                           const float *output_gradient, float *gradient)
{
    enum precision precision = stage->spec.precision;
    const struct tensor *weight = weight_of(stage, layer);
    struct matrix dz = row_of(gradient_at(stage, layer->dz, output_gradient), row, precision),
                  in = row_of(activation(stage, layer->in), row, precision);
    float *db = gradient + bias_offset(stage, layer);
    gemm_multiply(&(struct gemm){.types = to_fp32(stage),
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

static void layer_gradients(const struct stage *stage, const struct flat_layer *layer, int sets,
                            const float *output_gradient, const struct model_gradients *gradients)
{
    const struct tensor *weight = weight_of(stage, layer);
    size_t count = tensor_size(weight) + (size_t)weight->rows; // weight and bias
    for (int shard = 0, row = 0; row < sets; shard++, row += stage->sets) {
        float *gradient = gradients->of(gradients->context, shard);
        layer_gradient(stage, layer, row, shard_from(stage, row, sets), output_gradient, gradient);
        gradients->finished(gradients->context, shard, weight->offset, count);
    }
}

static void backward(struct stage *stage, int sets, const float *pairs, const float *output_gradient,
                     const struct model_gradients *gradients)
{
    (void)pairs; // the input is in activation buffer 0
    const struct flat_workspace *plan = plan_of(stage);
    if (is_rounded(stage))
        operand_copy(plan->output_gradient, output_gradient, (size_t)sets * (size_t)stage->spec.outputs,
                     stage->spec.precision);
    for (int i = 0; i < plan->backward_gemms && !stop_requested(); i++)
        multiply_backward(stage, &plan->backward[i], sets, output_gradient);
    for (int i = 0; i < plan->layers && !stop_requested(); i++)
        layer_gradients(stage, &plan->layer[i], sets, output_gradient, gradients);
}

static size_t plan_workspace(struct stage *stage, int sets, int shards)
{
    return flat_workspace_plan(&stage->spec, sets, shards, stage->workspace, &stage->plan.flat);
}

const struct network flat_network = {.plan_workspace = plan_workspace,
                                     .set_parameters = set_parameters,
                                     .forward = forward,
                                     .backward = backward};
