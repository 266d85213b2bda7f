/* Multi-head attention of learned queries over the embeddings (Lee et al., Set Transformer, ICML 2019),
 * without residual, norm or feed-forward.
 *
 * Keys and values are linear in the last hidden layer h, so what would be done for every pair is folded into
 * parameters or waits until after pooling. With the embedding e = L h + l, query q and head i, k_i its slice
 * of the key weight K, v_i of the value weight V: the scores are q_i . k_i e / sqrt(E / heads), up to a
 * constant the products of h with one vector, L^T k_i^T q_i / sqrt(E / heads); the head is the sum of weights
 * times v_i e, which is (v_i L) (the sum of weights times h) + (v_i l + bias). */
#include "kernel/attention_pooling.h"
#include "kernel/bias_relu.h"
#include "kernel/operand.h"
#include "model/deep_sets.h"
#include "model/pooling.h"

#include <math.h>
#include <string.h>

enum part { QUERY, KEY, VALUE, VALUE_BIAS, OUTPUT, OUTPUT_BIAS }; // in the order of the table

static size_t offset_of(const struct model *model, enum part part)
{
    return model->table.tensors[2 * (model->description.encoder.count + 1) + (int)part].offset;
}

// Sizes: queries Q, heads H, E = H slices, the last hidden layer's width and its stride.
struct sizes {
    int queries, heads, embedding, slice, in, stride;
    enum precision precision;
};

static struct sizes sizes_of(const struct model *model)
{
    const struct model_spec *d = &model->description;
    return (struct sizes){.queries = d->queries,
                          .heads = d->heads,
                          .embedding = d->embed_dim,
                          .slice = d->embed_dim / d->heads,
                          .in = d->encoder.width[d->encoder.count - 1],
                          .stride = last_hidden_stride(model),
                          .precision = d->precision};
}

static const struct tensor *last_weight(const struct model *model)
{
    return layer_weight(model, model->description.encoder.count);
}

static float *at(const struct model *model, size_t offset)
{
    return workspace_at(model, offset);
}

static const void *numbers(const void *array, const struct sizes *s, int index)
{
    return (const char *)array + (size_t)index * precision_bytes(s->precision);
}

// The encoder's last weight, the value weight and the output weight as operands: themselves, or rounded, one
// behind the other.
static const void *last_operand(const struct model *model, const struct sizes *s)
{
    if (s->precision == PRECISION_FP32)
        return model->parameters + last_weight(model)->offset;
    return at(model, layout_of(model)->rounded);
}

static const void *operand_of(const struct model *model, const struct sizes *s, enum part part)
{
    if (s->precision == PRECISION_FP32)
        return model->parameters + offset_of(model, part);
    int before = s->embedding * s->in + (part == OUTPUT ? s->embedding * s->embedding : 0);
    return numbers(at(model, layout_of(model)->rounded), s, before);
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

// For the products of each shard with a weight on the right.
static void pack_weights(const struct model *model, const struct sizes *s)
{
    const struct deep_sets_workspace *layout = layout_of(model);
    const void *output = operand_of(model, s, OUTPUT);
    int e = s->embedding;
    gemm_pack(s->precision, e, s->in, last_operand(model, s), true, at(model, layout->last_packed));
    if (s->precision != PRECISION_FP32) // the gradients at the queries are fp32 in both
        gemm_pack(PRECISION_FP32, e, s->in, model->parameters + last_weight(model)->offset, true,
                  at(model, layout->last_packed_fp32));
    gemm_pack(s->precision, e, e, output, true, at(model, layout->output_forward));
    gemm_pack(s->precision, e, e, output, false, at(model, layout->output_backward));
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

static void fold_queries(const struct model *model, const struct sizes *s)
{
    const struct deep_sets_workspace *layout = layout_of(model);
    const float *query = model->parameters + offset_of(model, QUERY),
                *key = model->parameters + offset_of(model, KEY);
    float *key_query = at(model, layout->key_query), *folded = at(model, layout->query);
    int all = s->queries * s->heads;
    for (int head = 0; head < s->heads; head++)
        gemm_nn(GEMM_FP32, s->queries, s->embedding, s->slice, query + head * s->slice, s->embedding,
                key + head * s->slice * s->embedding, s->embedding, key_query + head * s->embedding,
                s->heads * s->embedding, false);
    gemm_nn(GEMM_FP32, all, s->in, s->embedding, key_query, s->embedding,
            model->parameters + last_weight(model)->offset, s->in, folded, s->stride, false);
    scale_rows(folded, score_scale(s), all * s->stride);
}

static void fold_values(const struct model *model, const struct sizes *s)
{
    const struct deep_sets_workspace *layout = layout_of(model);
    float *fold = at(model, layout->fold), *bias = at(model, layout->value_bias);
    const float *value = model->parameters + offset_of(model, VALUE),
                *value_bias = model->parameters + offset_of(model, VALUE_BIAS),
                *last_bias = model->parameters + bias_offset(model, model->description.encoder.count);
    gemm_nn(to_fp32(model), s->embedding, s->in, s->embedding, operand_of(model, s, VALUE), s->embedding,
            last_operand(model, s), s->in, fold, s->in, false);
    operand_copy(at(model, layout->value), fold, (size_t)(s->embedding * s->in), s->precision);
    operand_transpose(at(model, layout->value_forward), fold, s->embedding, s->in, s->precision);
    for (int i = 0; i < s->embedding; i++) {
        bias[i] = value_bias[i];
        for (int j = 0; j < s->embedding; j++)
            bias[i] += value[i * s->embedding + j] * last_bias[j];
    }
}

static void use(struct model *model)
{
    struct sizes s = sizes_of(model);
    round_weights(model, &s);
    pack_weights(model, &s);
    fold_queries(model, &s);
    fold_values(model, &s);
}

static float *weights_of(const struct model *model, int set)
{
    const struct model_spec *d = &model->description;
    return at(model, layout_of(model)->weights) +
           (size_t)(set * deep_sets_queries(d)) * (size_t)lanes_stride(d->pairs);
}

static size_t pooled_row(const struct model *model, int set)
{
    return (size_t)set * (size_t)deep_sets_input_stride(&model->description, 0);
}

static void encode(struct model *model, int set, int sets)
{
    const struct model_spec *d = &model->description;
    const struct deep_sets_workspace *layout = layout_of(model);
    uint32_t *signs = model_transposes_gradient(d) ? deep_sets_signs(model, set) : NULL;
    attention_pooling_forward(
        at(model, layout->set_input[0]) + pooled_row(model, set), weights_of(model, set), signs,
        deep_sets_activation(model, d->encoder.count - 1, set), at(model, layout->last_bias),
        at(model, layout->query), sets, d->pairs, deep_sets_queries(d), last_hidden_stride(model),
        at(model, layout->scratch), d->precision);
}

// The pooled rows of one head begin here, and are `heads` strides apart: [sets queries, heads, stride].
static const void *pooled_of(const struct model *model, const struct sizes *s, int head)
{
    return numbers(at(model, layout_of(model)->set_operand[0]), s, head * s->stride);
}

static void embed(struct model *model, int sets)
{
    const struct deep_sets_workspace *layout = layout_of(model);
    struct sizes s = sizes_of(model);
    int rows = sets * s.queries, e = s.embedding;
    float *heads = at(model, layout->heads[0]), *embedding = at(model, layout->set_input[1]);
    if (s.precision != PRECISION_FP32)
        operand_copy(at(model, layout->set_operand[0]), at(model, layout->set_input[0]),
                     pooled_row(model, sets), s.precision);
    for (int head = 0; head < s.heads; head++)
        gemm_nn(to_fp32(model), rows, s.slice, s.in, pooled_of(model, &s, head), s.heads * s.stride,
                numbers(at(model, layout->value_forward), &s, head * s.slice), e, heads + head * s.slice, e,
                false);
    bias_add(heads, at(model, layout->value_bias), rows, e, e, PRECISION_FP32);
    if (s.precision != PRECISION_FP32)
        operand_copy(at(model, layout->heads_operand), heads, (size_t)(rows * e), s.precision);
    gemm_packed(to_fp32(model), rows, e, e, at(model, layout->heads_operand), e,
                at(model, layout->output_forward), embedding, e);
    bias_add(embedding, model->parameters + offset_of(model, OUTPUT_BIAS), rows, e, e, PRECISION_FP32);
}

static void sum_rows(float *sum, const float *rows, int count, int width)
{
    memset(sum, 0, (size_t)width * sizeof *sum);
    bias_gradient(sum, rows, count, width, width, PRECISION_FP32);
}

// Numbers as an operand of products: themselves, or rounded into `room`.
static const void *rounded(const float *from, void *room, size_t count, enum precision precision)
{
    if (precision == PRECISION_FP32)
        return from;
    operand_copy(room, from, count, precision);
    return room;
}

// Of the folded values to those of their factors: the value weight, the encoder's last weight and its bias.
// In a shard's gradient they stand where the encoder's last weight, of the same size, has its own.
static void unfold_values(const struct model *model, const struct sizes *s, float *gradient)
{
    const struct deep_sets_workspace *layout = layout_of(model);
    int e = s->embedding, last = model->description.encoder.count;
    size_t count = (size_t)(e * s->in);
    const float *value = model->parameters + offset_of(model, VALUE),
                *last_bias = model->parameters + bias_offset(model, last),
                *dbias = gradient + offset_of(model, VALUE_BIAS);
    float *dlast = gradient + last_weight(model)->offset, *dlast_bias = gradient + bias_offset(model, last),
          *dvalue = gradient + offset_of(model, VALUE);
    void *folded = at(model, layout->fold);
    operand_copy(folded, dlast, count, s->precision);
    gemm_packed(to_fp32(model), e, e, s->in, folded, s->in, at(model, layout->last_packed), dvalue, e);
    gemm_tn(to_fp32(model), e, s->in, e, operand_of(model, s, VALUE), e, folded, s->in, dlast, s->in, false);
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
    const struct deep_sets_workspace *layout = layout_of(model);
    struct sizes s = sizes_of(model);
    int rows = sets * s.queries, e = s.embedding;
    size_t count = (size_t)(rows * e);
    float *dheads = at(model, layout->heads[1]), *dpooled = at(model, layout->set_gradient[0]);
    sum_rows(gradient + offset_of(model, OUTPUT_BIAS), dembedding, rows, e);
    const void *operand = rounded(dembedding, at(model, layout->set_gradient_operand), count, s.precision);
    gemm_tn(to_fp32(model), e, e, rows, operand, e, at(model, layout->heads_operand), e,
            gradient + offset_of(model, OUTPUT), e, false);
    gemm_packed(to_fp32(model), rows, e, e, operand, e, at(model, layout->output_backward), dheads, e);
    sum_rows(gradient + offset_of(model, VALUE_BIAS), dheads, rows, e);
    operand = rounded(dheads, at(model, layout->heads_operand), count, s.precision);
    float *dfolded = gradient + last_weight(model)->offset;
    if (s.stride != s.in)
        memset(dpooled, 0, pooled_row(model, sets) * sizeof *dpooled); // the padding
    for (int head = 0; head < s.heads; head++) {
        const void *slice = numbers(operand, &s, head * s.slice);
        gemm_tn(to_fp32(model), s.slice, s.in, rows, slice, e, pooled_of(model, &s, head), s.heads * s.stride,
                dfolded + head * s.slice * s.in, s.in, false);
        gemm_nn(to_fp32(model), rows, s.in, s.slice, slice, e,
                numbers(at(model, layout->value), &s, head * s.slice * s.in), s.in, dpooled + head * s.stride,
                s.heads * s.stride, false);
    }
    memset(at(model, layout->query_gradient), 0, (size_t)(s.queries * s.heads * s.stride) * sizeof(float));
    size_t own = offset_of(model, VALUE_BIAS), end = offset_of(model, OUTPUT_BIAS) + (size_t)e;
    gradients->finished(gradients->context, 0, last_weight(model)->offset, (size_t)(e * s.in));
    gradients->finished(gradients->context, 0, own, end - own);
}

static int encode_backward(struct model *model, int set, int sets, void *dz, float *gradient,
                           const int32_t **picked)
{
    const struct model_spec *d = &model->description;
    const struct deep_sets_workspace *layout = layout_of(model);
    (void)gradient, (void)picked;
    attention_pooling_backward(dz, at(model, layout->last_bias_gradient), at(model, layout->query_gradient),
                               at(model, layout->set_gradient[0]) + pooled_row(model, set),
                               at(model, layout->set_input[0]) + pooled_row(model, set),
                               weights_of(model, set), deep_sets_activation(model, d->encoder.count - 1, set),
                               at(model, layout->query), sets, d->pairs, deep_sets_queries(d),
                               last_hidden_stride(model), at(model, layout->scratch), d->precision);
    return sets * d->pairs;
}

static const void *transposed_gradient(struct model *model, int set, int sets, int rows, bool alone)
{
    const struct model_spec *d = &model->description;
    const struct deep_sets_workspace *layout = layout_of(model);
    size_t row = pooled_row(model, set);
    int last = d->encoder.count - 1;
    float *dz = at(model, layout->transposed_gradient);
    if (!alone)
        return NULL;
    attention_pooling_backward_transposed(
        dz, at(model, layout->last_bias_gradient), at(model, layout->query_gradient),
        at(model, layout->set_gradient[0]) + row, at(model, layout->set_input[0]) + row,
        weights_of(model, set), deep_sets_signs(model, set), deep_sets_activation(model, last, set),
        at(model, layout->query), sets, d->pairs, deep_sets_queries(d), last_hidden_stride(model),
        d->encoder.width[last], rows, at(model, layout->scratch));
    return dz;
}

// The folded queries' gradient, without its padding, behind that of the parameters.
static void finish(struct model *model, float *gradient)
{
    struct sizes s = sizes_of(model);
    const float *dquery = at(model, layout_of(model)->query_gradient);
    float *to = gradient + model->table.parameters;
    for (int i = 0; i < s.queries * s.heads; i++)
        memcpy(to + (size_t)i * (size_t)s.in, dquery + (size_t)i * (size_t)s.stride,
               (size_t)s.in * sizeof *to);
}

// Of the folded queries to those of their factors: the queries, the key weight and, added to it, the
// encoder's last weight.
static void unfold_queries(const struct model *model, const struct sizes *s, float *gradient)
{
    const struct deep_sets_workspace *layout = layout_of(model);
    int all = s->queries * s->heads, e = s->embedding;
    const float *query = model->parameters + offset_of(model, QUERY),
                *key = model->parameters + offset_of(model, KEY), *key_query = at(model, layout->key_query);
    float *dfolded = gradient + model->table.parameters, *dkey_query = at(model, layout->key_query_gradient);
    float *dquery = gradient + offset_of(model, QUERY), *dkey = gradient + offset_of(model, KEY);
    scale_rows(dfolded, score_scale(s), all * s->in);
    gemm_tn(GEMM_FP32, e, s->in, all, key_query, e, dfolded, s->in, gradient + last_weight(model)->offset,
            s->in, true);
    gemm_packed(GEMM_FP32, all, e, s->in, dfolded, s->in, at(model, layout->last_packed_fp32), dkey_query, e);
    for (int head = 0; head < s->heads; head++) {
        gemm_nt(GEMM_FP32, s->queries, s->slice, e, dkey_query + head * e, s->heads * e,
                key + head * s->slice * e, e, dquery + head * s->slice, e, false);
        gemm_tn(GEMM_FP32, s->slice, e, s->queries, query + head * s->slice, e, dkey_query + head * e,
                s->heads * e, dkey + head * s->slice * e, e, false);
    }
}

static void unfold(struct model *model, float *gradient)
{
    struct sizes s = sizes_of(model);
    unfold_values(model, &s, gradient);
    unfold_queries(model, &s, gradient);
}

const struct pooling pooling_attention = {.use = use,
                                          .encode = encode,
                                          .embed = embed,
                                          .embed_backward = embed_backward,
                                          .encode_backward = encode_backward,
                                          .transposed_gradient = transposed_gradient,
                                          .finish = finish,
                                          .unfold = unfold};
