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
 * Merged are the queries, L^T k_i^T q_i / s, one vector per query and head; the value weight, V L; and the
 * value bias, V l + c. The constant is the same for all pairs of a set, and softmax ignores it. */
#include "kernel/attention_pooling.h"
#include "kernel/bias_relu.h"
#include "kernel/operand.h"
#include "kernel/sums.h"
#include "model/deep_sets.h"
#include "model/pooling.h"

#include <math.h>
#include <string.h>

enum part { QUERY, KEY, VALUE, VALUE_BIAS, OUTPUT, OUTPUT_BIAS }; // order of the tensors in the table

static size_t offset_of(const struct model *model, enum part part)
{
    return model->table.tensors[2 * (model->spec.encoder.count + 1) + (int)part].offset;
}

// embedding = heads * slice; in, stride: width of the last hidden layer and its padded width
struct sizes {
    int queries, heads, embedding, slice, in, stride;
    enum precision precision;
};

static struct sizes sizes_of(const struct model *model)
{
    const struct model_spec *d = &model->spec;
    return (struct sizes){.queries = d->queries,
                          .heads = d->heads,
                          .embedding = d->embed_dim,
                          .slice = d->embed_dim / d->heads,
                          .in = widths_last(&d->encoder),
                          .stride = last_hidden_stride(model),
                          .precision = d->precision};
}

static const struct tensor *last_weight(const struct model *model)
{
    return layer_weight(model, encoder_last_layer(model));
}

// GEMM operands in the model's precision: the parameters themselves, or their rounded copies in plan.rounded.
static const void *last_operand(const struct model *model, const struct sizes *s)
{
    if (s->precision == PRECISION_FP32)
        return model->parameters + last_weight(model)->offset;
    return plan_of(model)->rounded;
}

static const void *operand_of(const struct model *model, const struct sizes *s, enum part part)
{
    if (s->precision == PRECISION_FP32)
        return model->parameters + offset_of(model, part);
    size_t before = (size_t)(s->embedding * s->in + (part == OUTPUT ? s->embedding * s->embedding : 0));
    return element_at(model, plan_of(model)->rounded, before);
}

static void round_weights(const struct model *model, const struct sizes *s)
{
    size_t square = (size_t)s->embedding * (size_t)s->embedding;
    if (s->precision == PRECISION_FP32)
        return;
    operand_copy((void *)last_operand(model, s), model->parameters + last_weight(model)->offset,
                 tensor_size(last_weight(model)), s->precision);
    operand_copy((void *)operand_of(model, s, VALUE), model->parameters + offset_of(model, VALUE), square,
                 s->precision);
    operand_copy((void *)operand_of(model, s, OUTPUT), model->parameters + offset_of(model, OUTPUT), square,
                 s->precision);
}

// Packs the weights that are right-hand operands of each shard's GEMMs.
static void pack_weights(const struct model *model, const struct sizes *s)
{
    const struct deep_sets_workspace *plan = plan_of(model);
    const void *output = operand_of(model, s, OUTPUT);
    int e = s->embedding;
    gemm_pack(s->precision, e, s->in, last_operand(model, s), true, plan->last_packed);
    if (s->precision != PRECISION_FP32) // the gradients of the queries are fp32 in both precisions
        gemm_pack(PRECISION_FP32, e, s->in, model->parameters + last_weight(model)->offset, true,
                  plan->last_packed_fp32);
    gemm_pack(s->precision, e, e, output, true, plan->output_forward);
    gemm_pack(s->precision, e, e, output, false, plan->output_backward);
}

static float score_scale(const struct sizes *s)
{
    return 1.0f / sqrtf((float)s->slice);
}

static void scale_rows(float *rows, float scale, int count)
{
    for (int i = 0; i < count; i++)
        rows[i] *= scale;
}

static void merge_queries(const struct model *model, const struct sizes *s)
{
    const struct deep_sets_workspace *plan = plan_of(model);
    const float *query = model->parameters + offset_of(model, QUERY),
                *key = model->parameters + offset_of(model, KEY);
    float *key_query = plan->key_query, *merged = plan->query;
    int all = s->queries * s->heads;
    for (int head = 0; head < s->heads; head++)
        gemm_multiply(&(struct gemm){.types = GEMM_FP32,
                                     .m = s->queries,
                                     .n = s->embedding,
                                     .k = s->slice,
                                     .lda = s->embedding,
                                     .ldb = s->embedding,
                                     .ldc = s->heads * s->embedding,
                                     .a = query + head * s->slice,
                                     .b = key + head * s->slice * s->embedding,
                                     .c = key_query + head * s->embedding});
    gemm_multiply(&(struct gemm){.types = GEMM_FP32,
                                 .m = all,
                                 .n = s->in,
                                 .k = s->embedding,
                                 .lda = s->embedding,
                                 .ldb = s->in,
                                 .ldc = s->stride,
                                 .a = key_query,
                                 .b = model->parameters + last_weight(model)->offset,
                                 .c = merged});
    scale_rows(merged, score_scale(s), all * s->stride);
}

static void merge_values(const struct model *model, const struct sizes *s)
{
    const struct deep_sets_workspace *plan = plan_of(model);
    float *merged = plan->merged, *bias = plan->value_bias;
    const float *value = model->parameters + offset_of(model, VALUE),
                *value_bias = model->parameters + offset_of(model, VALUE_BIAS),
                *last_bias = model->parameters + bias_offset(model, encoder_last_layer(model));
    gemm_multiply(&(struct gemm){.types = to_fp32(model),
                                 .m = s->embedding,
                                 .n = s->in,
                                 .k = s->embedding,
                                 .lda = s->embedding,
                                 .ldb = s->in,
                                 .ldc = s->in,
                                 .a = operand_of(model, s, VALUE),
                                 .b = last_operand(model, s),
                                 .c = merged});
    operand_copy(plan->value, merged, (size_t)(s->embedding * s->in), s->precision);
    for (int i = 0; i < s->embedding; i++)
        bias[i] = value_bias[i] + sums_dot(value + i * s->embedding, last_bias, (size_t)s->embedding);
}

static void set_parameters(struct model *model)
{
    struct sizes s = sizes_of(model);
    round_weights(model, &s);
    pack_weights(model, &s);
    merge_queries(model, &s);
    merge_values(model, &s);
}

static float *weights_of(const struct model *model, int set)
{
    const struct model_spec *d = &model->spec;
    return plan_of(model)->weights + (size_t)(set * deep_sets_queries(d)) * (size_t)lanes_stride(d->pairs);
}

static size_t pooled_row(const struct model *model, int set)
{
    return (size_t)set * (size_t)deep_sets_input_stride(&model->spec, 0);
}

static void encode(struct model *model, int set, int sets)
{
    const struct model_spec *d = &model->spec;
    const struct deep_sets_workspace *plan = plan_of(model);
    attention_pooling_forward(plan->set_input[0] + pooled_row(model, set), weights_of(model, set),
                              deep_sets_activation(model, d->encoder.count - 1, set), plan->last_bias,
                              plan->query, sets, d->pairs, deep_sets_queries(d), last_hidden_stride(model),
                              plan->scratch, d->precision);
}

// First pooled row of a head. Its rows are heads * stride elements apart: [sets queries, heads, stride].
static const void *pooled_of(const struct model *model, const struct sizes *s, int head)
{
    return element_at(model, plan_of(model)->set_operand[0], (size_t)(head * s->stride));
}

static void embed(struct model *model, int sets)
{
    const struct deep_sets_workspace *plan = plan_of(model);
    struct sizes s = sizes_of(model);
    int rows = sets * s.queries, e = s.embedding;
    float *heads = plan->heads[0], *embedding = plan->set_input[1];
    if (s.precision != PRECISION_FP32)
        operand_copy(plan->set_operand[0], plan->set_input[0], pooled_row(model, sets), s.precision);
    for (int head = 0; head < s.heads; head++)
        gemm_multiply(&(struct gemm){.types = to_fp32(model),
                                     .m = rows,
                                     .n = s.slice,
                                     .k = s.in,
                                     .lda = s.heads * s.stride,
                                     .ldb = s.in,
                                     .ldc = e,
                                     .b_transposed = true,
                                     .a = pooled_of(model, &s, head),
                                     .b = element_at(model, plan->value, (size_t)(head * s.slice * s.in)),
                                     .c = heads + head * s.slice,
                                     .bias = plan->value_bias + head * s.slice});
    if (s.precision != PRECISION_FP32)
        operand_copy(plan->heads_operand, heads, (size_t)(rows * e), s.precision);
    gemm_multiply(&(struct gemm){.types = to_fp32(model),
                                 .m = rows,
                                 .n = e,
                                 .k = e,
                                 .lda = e,
                                 .ldc = e,
                                 .a = plan->heads_operand,
                                 .packed = plan->output_forward,
                                 .c = embedding,
                                 .bias = model->parameters + offset_of(model, OUTPUT_BIAS)});
}

static void sum_rows(float *sum, const float *rows, int count, int width)
{
    memset(sum, 0, (size_t)width * sizeof *sum);
    bias_gradient(sum, rows, count, width, width, PRECISION_FP32);
}

// Expands the gradient of the merged values into the gradients of the value weight, the encoder's last weight
// and the encoder's last bias (chain rule). embed_backward stores the gradient of the merged value weight in
// the place of the encoder's last weight, which has the same size.
static void expand_values(const struct model *model, const struct sizes *s, float *gradient)
{
    const struct deep_sets_workspace *plan = plan_of(model);
    int e = s->embedding, last = model->spec.encoder.count;
    size_t count = (size_t)(e * s->in);
    const float *value = model->parameters + offset_of(model, VALUE),
                *last_bias = model->parameters + bias_offset(model, last),
                *dbias = gradient + offset_of(model, VALUE_BIAS);
    float *dlast = gradient + last_weight(model)->offset, *dlast_bias = gradient + bias_offset(model, last),
          *dvalue = gradient + offset_of(model, VALUE);
    void *merged = plan->merged;
    operand_copy(merged, dlast, count, s->precision);
    gemm_multiply(&(struct gemm){.types = to_fp32(model),
                                 .m = e,
                                 .n = e,
                                 .k = s->in,
                                 .lda = s->in,
                                 .ldc = e,
                                 .a = merged,
                                 .packed = plan->last_packed,
                                 .c = dvalue});
    gemm_multiply(&(struct gemm){.types = to_fp32(model),
                                 .m = e,
                                 .n = s->in,
                                 .k = e,
                                 .lda = e,
                                 .ldb = s->in,
                                 .ldc = s->in,
                                 .a_transposed = true,
                                 .a = operand_of(model, s, VALUE),
                                 .b = merged,
                                 .c = dlast});
    memset(dlast_bias, 0, (size_t)e * sizeof *dlast_bias);
    for (int i = 0; i < e; i++)
        for (int j = 0; j < e; j++) {
            dvalue[i * e + j] += dbias[i] * last_bias[j];
            dlast_bias[j] += dbias[i] * value[i * e + j];
        }
}

static void embed_backward(struct model *model, int sets, float *dembedding,
                           const struct model_gradients *gradients)
{
    float *gradient = gradients->of(gradients->context, 0);
    const struct deep_sets_workspace *plan = plan_of(model);
    struct sizes s = sizes_of(model);
    int rows = sets * s.queries, e = s.embedding;
    size_t count = (size_t)(rows * e);
    float *dheads = plan->heads[1], *dpooled = plan->set_gradient[0];
    sum_rows(gradient + offset_of(model, OUTPUT_BIAS), dembedding, rows, e);
    const void *operand = operand_rounded(dembedding, plan->set_gradient_operand, count, s.precision);
    gemm_multiply(&(struct gemm){.types = to_fp32(model),
                                 .m = e,
                                 .n = e,
                                 .k = rows,
                                 .lda = e,
                                 .ldb = e,
                                 .ldc = e,
                                 .a_transposed = true,
                                 .a = operand,
                                 .b = plan->heads_operand,
                                 .c = gradient + offset_of(model, OUTPUT)});
    gemm_multiply(&(struct gemm){.types = to_fp32(model),
                                 .m = rows,
                                 .n = e,
                                 .k = e,
                                 .lda = e,
                                 .ldc = e,
                                 .a = operand,
                                 .packed = plan->output_backward,
                                 .c = dheads});
    sum_rows(gradient + offset_of(model, VALUE_BIAS), dheads, rows, e);
    operand = operand_rounded(dheads, plan->heads_operand, count, s.precision);
    float *dmerged = gradient + last_weight(model)->offset;
    if (s.stride != s.in)
        memset(dpooled, 0, pooled_row(model, sets) * sizeof *dpooled); // clears the padding
    for (int head = 0; head < s.heads; head++) {
        const void *slice = element_at(model, operand, (size_t)(head * s.slice));
        gemm_multiply(&(struct gemm){.types = to_fp32(model),
                                     .m = s.slice,
                                     .n = s.in,
                                     .k = rows,
                                     .lda = e,
                                     .ldb = s.heads * s.stride,
                                     .ldc = s.in,
                                     .a_transposed = true,
                                     .a = slice,
                                     .b = pooled_of(model, &s, head),
                                     .c = dmerged + head * s.slice * s.in});
        gemm_multiply(&(struct gemm){.types = to_fp32(model),
                                     .m = rows,
                                     .n = s.in,
                                     .k = s.slice,
                                     .lda = e,
                                     .ldb = s.in,
                                     .ldc = s.heads * s.stride,
                                     .a = slice,
                                     .b = element_at(model, plan->value, (size_t)(head * s.slice * s.in)),
                                     .c = dpooled + head * s.stride});
    }
    memset(plan->query_gradient, 0, (size_t)(s.queries * s.heads * s.stride) * sizeof(float));
    size_t own = offset_of(model, VALUE_BIAS), end = offset_of(model, OUTPUT_BIAS) + (size_t)e;
    gradients->finished(gradients->context, 0, last_weight(model)->offset, (size_t)(e * s.in));
    gradients->finished(gradients->context, 0, own, end - own);
}

static int encode_backward(struct model *model, int set, int sets, void *dz, float *gradient,
                           const int32_t **argmax)
{
    const struct model_spec *d = &model->spec;
    const struct deep_sets_workspace *plan = plan_of(model);
    (void)gradient, (void)argmax;
    attention_pooling_backward(
        dz, plan->last_bias_gradient, plan->query_gradient, plan->set_gradient[0] + pooled_row(model, set),
        plan->set_input[0] + pooled_row(model, set), weights_of(model, set),
        deep_sets_activation(model, d->encoder.count - 1, set), plan->query, sets, d->pairs,
        deep_sets_queries(d), last_hidden_stride(model), plan->scratch, d->precision);
    return sets * d->pairs;
}

// Copies the gradient of the merged queries, without padding, to the end of the shard's gradient.
static void finish(struct model *model, float *gradient)
{
    struct sizes s = sizes_of(model);
    const float *dquery = plan_of(model)->query_gradient;
    float *to = gradient + model->merged_begin;
    for (int i = 0; i < s.queries * s.heads; i++)
        memcpy(to + (size_t)i * (size_t)s.in, dquery + (size_t)i * (size_t)s.stride,
               (size_t)s.in * sizeof *to);
}

// Expands the gradient of the merged queries into the gradients of the queries and the key weight, and adds
// its part to the gradient of the encoder's last weight (chain rule).
static void expand_queries(const struct model *model, const struct sizes *s, float *gradient)
{
    const struct deep_sets_workspace *plan = plan_of(model);
    int all = s->queries * s->heads, e = s->embedding;
    const float *query = model->parameters + offset_of(model, QUERY),
                *key = model->parameters + offset_of(model, KEY), *key_query = plan->key_query;
    float *dmerged = gradient + model->merged_begin, *dkey_query = plan->key_query_gradient;
    float *dquery = gradient + offset_of(model, QUERY), *dkey = gradient + offset_of(model, KEY);
    scale_rows(dmerged, score_scale(s), all * s->in);
    gemm_multiply(&(struct gemm){.types = GEMM_FP32,
                                 .m = e,
                                 .n = s->in,
                                 .k = all,
                                 .lda = e,
                                 .ldb = s->in,
                                 .ldc = s->in,
                                 .a_transposed = true,
                                 .a = key_query,
                                 .b = dmerged,
                                 .c = gradient + last_weight(model)->offset,
                                 .add = true});
    gemm_multiply(&(struct gemm){.types = GEMM_FP32,
                                 .m = all,
                                 .n = e,
                                 .k = s->in,
                                 .lda = s->in,
                                 .ldc = e,
                                 .a = dmerged,
                                 .packed = plan->last_packed_fp32,
                                 .c = dkey_query});
    for (int head = 0; head < s->heads; head++) {
        gemm_multiply(&(struct gemm){.types = GEMM_FP32,
                                     .m = s->queries,
                                     .n = s->slice,
                                     .k = e,
                                     .lda = s->heads * e,
                                     .ldb = e,
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
                                     .ldc = e,
                                     .a_transposed = true,
                                     .a = query + head * s->slice,
                                     .b = dkey_query + head * e,
                                     .c = dkey + head * s->slice * e});
    }
}

static void expand_gradient(struct model *model, float *gradient)
{
    struct sizes s = sizes_of(model);
    expand_values(model, &s, gradient);
    expand_queries(model, &s, gradient);
}

const struct pooling pooling_attention = {.set_parameters = set_parameters,
                                          .encode = encode,
                                          .embed = embed,
                                          .embed_backward = embed_backward,
                                          .encode_backward = encode_backward,
                                          .finish = finish,
                                          .expand_gradient = expand_gradient};
