#include "model/set_layers.h"

#include "kernel/bias_relu.h"
#include "kernel/operand.h"

#include <string.h>

static bool has_relu(const struct stage *stage, int k)
{
    return k >= 1 && k <= stage->spec.decoder.count;
}

// Input of layer k from `set` on, fp32.
static float *set_input(const struct stage *stage, int k, int set)
{
    return plan_of(stage)->set_input[k] + (size_t)set * (size_t)deep_sets_input_stride(&stage->spec, k);
}

// Input of layer k from `set` on, as GEMM operand in the model's precision.
static void *set_operand(const struct stage *stage, int k, int set)
{
    return element_at(stage, plan_of(stage)->set_operand[k],
                      (size_t)set * (size_t)deep_sets_input_stride(&stage->spec, k));
}

static void multiply_sets(const struct stage *stage, int k, int set, int sets, float *z)
{
    const struct model_spec *d = &stage->spec;
    int layer = set_layers_index(stage, k), out = layer_weight(stage, layer)->rows,
        ld = deep_sets_input_stride(d, k);
    if (d->precision != PRECISION_FP32)
        operand_copy(set_operand(stage, k, set), set_input(stage, k, set), (size_t)sets * (size_t)ld,
                     d->precision);
    gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                 .m = sets,
                                 .n = out,
                                 .k = deep_sets_input_width(d, k),
                                 .lda = ld,
                                 .a = set_operand(stage, k, set),
                                 .packed = forward_weight(stage, layer),
                                 .c = z,
                                 .bias = stage->parameters + bias_offset(stage, layer),
                                 .relu = has_relu(stage, k)});
}

void set_layers_forward(struct stage *stage, int k, int sets, float *z)
{
    size_t out = (size_t)layer_weight(stage, set_layers_index(stage, k))->rows;
    for (int set = 0, count; set < sets; set += count) {
        count = shard_from(stage, set, sets);
        multiply_sets(stage, k, set, count, z + (size_t)set * out);
    }
}

static void multiply_sets_backward(const struct stage *stage, int k, int set, int sets, const float *dz,
                                   float *dinput, float *gradient)
{
    const struct model_spec *d = &stage->spec;
    int layer = set_layers_index(stage, k), out = layer_weight(stage, layer)->rows;
    int in = deep_sets_input_width(d, k), ld = deep_sets_input_stride(d, k);
    float *db = gradient + bias_offset(stage, layer);
    memset(db, 0, (size_t)out * sizeof(float));
    bias_gradient(db, dz, sets, out, out, PRECISION_FP32);
    const void *operand =
        operand_rounded(dz, plan_of(stage)->set_gradient_operand, (size_t)sets * (size_t)out, d->precision);
    gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                 .m = out,
                                 .n = in,
                                 .k = sets,
                                 .ldb = ld,
                                 .a_transposed = true,
                                 .a = operand,
                                 .b = set_operand(stage, k, set),
                                 .c = gradient + layer_weight(stage, layer)->offset});
    gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                 .m = sets,
                                 .n = in,
                                 .k = out,
                                 .ldc = ld,
                                 .a = operand,
                                 .packed = backward_weight(stage, layer),
                                 .c = dinput});
    if (k > 0 && has_relu(stage, k - 1))
        relu_backward(dinput, set_input(stage, k, set), sets, in, ld, PRECISION_FP32);
}

const float *set_layers_backward(struct stage *stage, int k, int sets, const float *dz,
                                 const struct model_gradients *gradients)
{
    const struct tensor *weight = layer_weight(stage, set_layers_index(stage, k));
    size_t out = (size_t)weight->rows, ld = (size_t)deep_sets_input_stride(&stage->spec, k);
    float *dinput = plan_of(stage)->set_gradient[k % 2];
    for (int set = 0, shard = 0, count; set < sets; set += count, shard++) {
        count = shard_from(stage, set, sets);
        multiply_sets_backward(stage, k, set, count, dz + (size_t)set * out, dinput + (size_t)set * ld,
                               gradients->of(gradients->context, shard));
        gradients->finished(gradients->context, shard, weight->offset, tensor_size(weight) + out);
    }
    return dinput;
}
