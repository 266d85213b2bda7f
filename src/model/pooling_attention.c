/* Multi-head attention of learned queries over the embeddings (Lee et al., Set Transformer, ICML 2019),
 * without residual, normalisation or feed-forward layer.
 *
 * Keys and values are linear in the last hidden layer h, so their weights are merged with others once per
 * step, and no key or value is computed per pair. The embedding is e = L h + l. For query q and head i, q_i
 * is the head's slice of q, k_i of the key weight K, v_i of the value weight V with bias c, and
 * s = sqrt(E / heads). Then
 *
 *   score = q_i . k_i e / s = h . (L^T k_i^T q_i / s) + constant
 *   head = sum over pairs of weight (v_i e + c_i) = v_i L (sum over pairs of weight h) + v_i l + c_i
 *
 * The merged weights are the queries L^T k_i^T q_i / s, one vector per query and head, the value weight V L
 * and the value bias V l + c. The constant is the same for all pairs of a set, and softmax ignores it.
 *
 * Gain, measured with 15 unknowns, 45 equations and batch 1024 in fp32: a step takes 120 ms of processor
 * time. A step of `moments`, which embeds every pair as attention without merged weights would, but computes
 * neither keys nor values, takes 206 ms. */
#include "kernel/attention_pooling.h"
#include "kernel/bias_relu.h"
#include "kernel/operand.h"
#include "model/attention_weights.h"
#include "model/pooling.h"

#include <string.h>

static float *weights_of(const struct stage *stage, int set)
{
    const struct model_spec *d = &stage->spec;
    return plan_of(stage)->weights + (size_t)(set * deep_sets_queries(d)) * (size_t)lanes_stride(d->pairs);
}

static size_t pooled_row(const struct stage *stage, int set)
{
    return (size_t)set * (size_t)deep_sets_input_stride(&stage->spec, 0);
}

// Operands of the tile of `sets` sets that starts at `set`.
static struct attention_pooling tile_of(const struct stage *stage, int set, int sets)
{
    const struct model_spec *d = &stage->spec;
    const struct deep_sets_workspace *plan = plan_of(stage);
    return (struct attention_pooling){.sets = sets,
                                      .pairs = d->pairs,
                                      .queries = deep_sets_queries(d),
                                      .stride = last_hidden_stride(stage),
                                      .precision = d->precision,
                                      .h = deep_sets_activation(stage, d->encoder.count - 1, set),
                                      .bias = plan->last_bias,
                                      .query = plan->query,
                                      .weights = weights_of(stage, set),
                                      .pooled = plan->set_input[0] + pooled_row(stage, set),
                                      .scratch = plan->scratch,
                                      .dpooled = plan->set_gradient[0] + pooled_row(stage, set),
                                      .dbias = plan->last_bias_gradient,
                                      .dquery = plan->query_gradient};
}

static void encode(struct stage *stage, int set, int sets)
{
    const struct attention_pooling tile = tile_of(stage, set, sets);
    attention_pooling_forward(&tile);
}

// First pooled row of a head. Its rows are heads * stride elements apart: [sets queries, heads, stride].
static const void *pooled_of(const struct stage *stage, const struct attention_sizes *s, int head)
{
    return element_at(stage, plan_of(stage)->set_operand[0], (size_t)(head * s->stride));
}

static void embed(struct stage *stage, int sets)
{
    const struct deep_sets_workspace *plan = plan_of(stage);
    struct attention_sizes s = attention_sizes_of(stage);
    int rows = sets * s.queries, e = s.embedding;
    float *heads = plan->heads[0], *embedding = plan->set_input[1];
    if (s.precision != PRECISION_FP32)
        operand_copy(plan->set_operand[0], plan->set_input[0], pooled_row(stage, sets), s.precision);
    for (int head = 0; head < s.heads; head++)
        gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                     .m = rows,
                                     .n = s.slice,
                                     .k = s.in,
                                     .lda = s.heads * s.stride,
                                     .ldc = e,
                                     .b_transposed = true,
                                     .a = pooled_of(stage, &s, head),
                                     .b = element_at(stage, plan->value, (size_t)(head * s.slice * s.in)),
                                     .c = heads + head * s.slice,
                                     .bias = plan->value_bias + head * s.slice});
    if (s.precision != PRECISION_FP32)
        operand_copy(plan->heads_operand, heads, (size_t)(rows * e), s.precision);
    gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                 .m = rows,
                                 .n = e,
                                 .k = e,
                                 .a = plan->heads_operand,
                                 .packed = plan->output_forward,
                                 .c = embedding,
                                 .bias = stage->parameters + attention_offset(stage, ATTENTION_OUTPUT_BIAS)});
}

static void sum_rows(float *sum, const float *rows, int count, int width)
{
    memset(sum, 0, (size_t)width * sizeof *sum);
    bias_gradient(sum, rows, count, width, width, PRECISION_FP32);
}

static void embed_backward(struct stage *stage, int sets, float *dembedding,
                           const struct model_gradients *gradients)
{
    float *gradient = gradients->of(gradients->context, 0);
    const struct deep_sets_workspace *plan = plan_of(stage);
    struct attention_sizes s = attention_sizes_of(stage);
    int rows = sets * s.queries, e = s.embedding;
    size_t count = (size_t)(rows * e);
    float *dheads = plan->heads[1], *dpooled = plan->set_gradient[0];
    sum_rows(gradient + attention_offset(stage, ATTENTION_OUTPUT_BIAS), dembedding, rows, e);
    const void *operand = operand_rounded(dembedding, plan->set_gradient_operand, count, s.precision);
    gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                 .m = e,
                                 .n = e,
                                 .k = rows,
                                 .a_transposed = true,
                                 .a = operand,
                                 .b = plan->heads_operand,
                                 .c = gradient + attention_offset(stage, ATTENTION_OUTPUT)});
    gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                 .m = rows,
                                 .n = e,
                                 .k = e,
                                 .a = operand,
                                 .packed = plan->output_backward,
                                 .c = dheads});
    sum_rows(gradient + attention_offset(stage, ATTENTION_VALUE_BIAS), dheads, rows, e);
    operand = operand_rounded(dheads, plan->heads_operand, count, s.precision);
    float *dmerged = gradient + attention_last_weight(stage)->offset;
    if (s.stride != s.in)
        memset(dpooled, 0, pooled_row(stage, sets) * sizeof *dpooled); // clears the padding
    for (int head = 0; head < s.heads; head++) {
        const void *slice = element_at(stage, operand, (size_t)(head * s.slice));
        gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                     .m = s.slice,
                                     .n = s.in,
                                     .k = rows,
                                     .lda = e,
                                     .ldb = s.heads * s.stride,
                                     .a_transposed = true,
                                     .a = slice,
                                     .b = pooled_of(stage, &s, head),
                                     .c = dmerged + head * s.slice * s.in});
        gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                     .m = rows,
                                     .n = s.in,
                                     .k = s.slice,
                                     .lda = e,
                                     .ldc = s.heads * s.stride,
                                     .a = slice,
                                     .b = element_at(stage, plan->value, (size_t)(head * s.slice * s.in)),
                                     .c = dpooled + head * s.stride});
    }
    memset(plan->query_gradient, 0, (size_t)(s.queries * s.heads * s.stride) * sizeof(float));
    size_t own = attention_offset(stage, ATTENTION_VALUE_BIAS),
           end = attention_offset(stage, ATTENTION_OUTPUT_BIAS) + (size_t)e;
    gradients->finished(gradients->context, 0, attention_last_weight(stage)->offset, (size_t)(e * s.in));
    gradients->finished(gradients->context, 0, own, end - own);
}

static int encode_backward(struct stage *stage, int set, int sets, void *dz, float *gradient,
                           const int32_t **argmax)
{
    struct attention_pooling tile = tile_of(stage, set, sets);
    (void)gradient, (void)argmax;
    tile.dz = dz;
    attention_pooling_backward(&tile);
    return sets * tile.pairs;
}

// Copies the gradient of the merged queries, without padding, to the end of the shard's gradient.
static void finish(struct stage *stage, float *gradient)
{
    struct attention_sizes s = attention_sizes_of(stage);
    const float *dquery = plan_of(stage)->query_gradient;
    float *to = gradient + stage->merged_begin;
    for (int i = 0; i < s.queries * s.heads; i++)
        memcpy(to + (size_t)i * (size_t)s.in, dquery + (size_t)i * (size_t)s.stride,
               (size_t)s.in * sizeof *to);
}

const struct pooling pooling_attention = {.set_parameters = attention_weights_merge,
                                          .encode = encode,
                                          .embed = embed,
                                          .embed_backward = embed_backward,
                                          .encode_backward = encode_backward,
                                          .finish = finish,
                                          .expand_gradient = attention_weights_expand};
