#include "model/attention_weights.h"

#include "kernel/operand.h"
#include "kernel/sums.h"

#include <math.h>
#include <string.h>

// GEMM operands in the model's precision: the parameters themselves, or their rounded copies in plan.rounded.
static const void *last_operand(const struct stage *stage, const struct attention_sizes *s)
{
    if (s->precision == PRECISION_FP32)
        return stage->parameters + attention_last_weight(stage)->offset;
    return plan_of(stage)->rounded;
}

static const void *operand_of(const struct stage *stage, const struct attention_sizes *s,
                              enum attention_part part)
{
    if (s->precision == PRECISION_FP32)
        return stage->parameters + attention_offset(stage, part);
    size_t before =
        (size_t)(s->embedding * s->in + (part == ATTENTION_OUTPUT ? s->embedding * s->embedding : 0));
    return element_at(stage, plan_of(stage)->rounded, before);
}

static void round_weights(const struct stage *stage, const struct attention_sizes *s)
{
    size_t square = (size_t)s->embedding * (size_t)s->embedding;
    if (s->precision == PRECISION_FP32)
        return;
    operand_copy((void *)last_operand(stage, s), stage->parameters + attention_last_weight(stage)->offset,
                 tensor_size(attention_last_weight(stage)), s->precision);
    operand_copy((void *)operand_of(stage, s, ATTENTION_VALUE),
                 stage->parameters + attention_offset(stage, ATTENTION_VALUE), square, s->precision);
    operand_copy((void *)operand_of(stage, s, ATTENTION_OUTPUT),
                 stage->parameters + attention_offset(stage, ATTENTION_OUTPUT), square, s->precision);
}

// Packs the weights that are right-hand operands of each shard's GEMMs.
static void pack_weights(const struct stage *stage, const struct attention_sizes *s)
{
    const struct deep_sets_workspace *plan = plan_of(stage);
    const void *output = operand_of(stage, s, ATTENTION_OUTPUT);
    int e = s->embedding;
    gemm_pack(s->precision, e, s->in, last_operand(stage, s), true, plan->last_packed);
    if (s->precision != PRECISION_FP32) // the gradients of the queries are fp32 in both precisions
        gemm_pack(PRECISION_FP32, e, s->in, stage->parameters + attention_last_weight(stage)->offset, true,
                  plan->last_packed_fp32);
    gemm_pack(s->precision, e, e, output, true, plan->output_forward);
    gemm_pack(s->precision, e, e, output, false, plan->output_backward);
}

static float score_scale(const struct attention_sizes *s)
{
    return 1.0f / sqrtf((float)s->slice);
}

static void scale_rows(float *rows, float scale, int count)
{
    for (int i = 0; i < count; i++)
        rows[i] *= scale;
}

static void merge_queries(const struct stage *stage, const struct attention_sizes *s)
{
    const struct deep_sets_workspace *plan = plan_of(stage);
    const float *query = stage->parameters + attention_offset(stage, ATTENTION_QUERY),
                *key = stage->parameters + attention_offset(stage, ATTENTION_KEY);
    float *key_query = plan->key_query, *merged = plan->query;
    int all = s->queries * s->heads;
    for (int head = 0; head < s->heads; head++)
        gemm_multiply(&(struct gemm){.types = GEMM_FP32,
                                     .m = s->queries,
                                     .n = s->embedding,
                                     .k = s->slice,
                                     .lda = s->embedding,
                                     .ldc = s->heads * s->embedding,
                                     .a = query + head * s->slice,
                                     .b = key + head * s->slice * s->embedding,
                                     .c = key_query + head * s->embedding});
    gemm_multiply(&(struct gemm){.types = GEMM_FP32,
                                 .m = all,
                                 .n = s->in,
                                 .k = s->embedding,
                                 .ldc = s->stride,
                                 .a = key_query,
                                 .b = stage->parameters + attention_last_weight(stage)->offset,
                                 .c = merged});
    scale_rows(merged, score_scale(s), all * s->stride);
}

static void merge_values(const struct stage *stage, const struct attention_sizes *s)
{
    const struct deep_sets_workspace *plan = plan_of(stage);
    float *merged = plan->merged, *bias = plan->value_bias;
    const float *value = stage->parameters + attention_offset(stage, ATTENTION_VALUE),
                *value_bias = stage->parameters + attention_offset(stage, ATTENTION_VALUE_BIAS),
                *last_bias = stage->parameters + bias_offset(stage, encoder_last_layer(stage));
    gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                 .m = s->embedding,
                                 .n = s->in,
                                 .k = s->embedding,
                                 .a = operand_of(stage, s, ATTENTION_VALUE),
                                 .b = last_operand(stage, s),
                                 .c = merged});
    operand_copy(plan->value, merged, (size_t)(s->embedding * s->in), s->precision);
    for (int i = 0; i < s->embedding; i++)
        bias[i] = value_bias[i] + sums_dot(value + i * s->embedding, last_bias, (size_t)s->embedding);
}

void attention_weights_merge(struct stage *stage)
{
    struct attention_sizes s = attention_sizes_of(stage);
    round_weights(stage, &s);
    pack_weights(stage, &s);
    merge_queries(stage, &s);
    merge_values(stage, &s);
}

// Expands the gradient of the merged values into the gradients of the value weight, the encoder's last weight
// and the encoder's last bias (chain rule). The gradient of the merged value weight is in the place of the
// encoder's last weight, which has the same size.
static void expand_values(const struct stage *stage, const struct attention_sizes *s, float *gradient)
{
    const struct deep_sets_workspace *plan = plan_of(stage);
    int e = s->embedding, last = stage->spec.encoder.count;
    size_t count = (size_t)(e * s->in);
    const float *value = stage->parameters + attention_offset(stage, ATTENTION_VALUE),
                *last_bias = stage->parameters + bias_offset(stage, last),
                *dbias = gradient + attention_offset(stage, ATTENTION_VALUE_BIAS);
    float *dlast = gradient + attention_last_weight(stage)->offset,
          *dlast_bias = gradient + bias_offset(stage, last),
          *dvalue = gradient + attention_offset(stage, ATTENTION_VALUE);
    void *merged = plan->merged;
    operand_copy(merged, dlast, count, s->precision);
    gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                 .m = e,
                                 .n = e,
                                 .k = s->in,
                                 .a = merged,
                                 .packed = plan->last_packed,
                                 .c = dvalue});
    gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                 .m = e,
                                 .n = s->in,
                                 .k = e,
                                 .a_transposed = true,
                                 .a = operand_of(stage, s, ATTENTION_VALUE),
                                 .b = merged,
                                 .c = dlast});
    memset(dlast_bias, 0, (size_t)e * sizeof *dlast_bias);
    for (int i = 0; i < e; i++)
        for (int j = 0; j < e; j++) {
            dvalue[i * e + j] += dbias[i] * last_bias[j];
            dlast_bias[j] += dbias[i] * value[i * e + j];
        }
}

// Expands the gradient of the merged queries into the gradients of the queries and the key weight, and adds
// its part to the gradient of the encoder's last weight (chain rule).
static void expand_queries(const struct stage *stage, const struct attention_sizes *s, float *gradient)
{
    const struct deep_sets_workspace *plan = plan_of(stage);
    int all = s->queries * s->heads, e = s->embedding;
    const float *query = stage->parameters + attention_offset(stage, ATTENTION_QUERY),
                *key = stage->parameters + attention_offset(stage, ATTENTION_KEY),
                *key_query = plan->key_query;
    float *dmerged = gradient + stage->merged_begin, *dkey_query = plan->key_query_gradient;
    float *dquery = gradient + attention_offset(stage, ATTENTION_QUERY),
          *dkey = gradient + attention_offset(stage, ATTENTION_KEY);
    scale_rows(dmerged, score_scale(s), all * s->in);
    gemm_multiply(&(struct gemm){.types = GEMM_FP32,
                                 .m = e,
                                 .n = s->in,
                                 .k = all,
                                 .a_transposed = true,
                                 .a = key_query,
                                 .b = dmerged,
                                 .c = gradient + attention_last_weight(stage)->offset,
                                 .add = true});
    gemm_multiply(&(struct gemm){.types = GEMM_FP32,
                                 .m = all,
                                 .n = e,
                                 .k = s->in,
                                 .a = dmerged,
                                 .packed = plan->last_packed_fp32,
                                 .c = dkey_query});
    for (int head = 0; head < s->heads; head++) {
        gemm_multiply(&(struct gemm){.types = GEMM_FP32,
                                     .m = s->queries,
                                     .n = s->slice,
                                     .k = e,
                                     .lda = s->heads * e,
                                     .ldc = e,
                                     .b_transposed = true,
                                     .a = dkey_query + head * e,
                                     .b = key + head * s->slice * e,
                                     .c = dquery + head * s->slice});
        gemm_multiply(&(struct gemm){.types = GEMM_FP32,
                                     .m = s->slice,
                                     .n = e,
                                     .k = s->queries,
                                     .lda = e,
                                     .ldb = s->heads * e,
                                     .a_transposed = true,
                                     .a = query + head * s->slice,
                                     .b = dkey_query + head * e,
                                     .c = dkey + head * s->slice * e});
    }
}

void attention_weights_expand(struct stage *stage, float *gradient)
{
    struct attention_sizes s = attention_sizes_of(stage);
    expand_values(stage, &s, gradient);
    expand_queries(stage, &s, gradient);
}
