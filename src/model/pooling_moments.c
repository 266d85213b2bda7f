/* Mean and standard deviation over pairs, and several poolings side by side: computes every pair's embedding
 * in forward and backward pass. Mean and sum are the first of the moments; their gradients add up. */
#include "kernel/bias_relu.h"
#include "kernel/max_pooling.h"
#include "kernel/moments_pooling.h"
#include "kernel/operand.h"
#include "model/deep_sets.h"
#include "model/pooling.h"

#include <string.h>

// Embeddings of the pairs from `set` on, kept for the whole shard, without the bias, which only shifts the
// mean.
static void *embedding_of(const struct stage *stage, int set)
{
    const struct model_spec *d = &stage->spec;
    return element_at(stage, plan_of(stage)->embedding,
                      (size_t)set * (size_t)d->pairs * (size_t)lanes_stride(d->embed_dim));
}

// set_input[0] and set_gradient[0] begin with the moments of all sets, [S, 2, stride]; the maxima [S, stride]
// follow.
static float *moments_of(const struct stage *stage, float *pooled, int set)
{
    return pooled + (size_t)set * 2 * (size_t)lanes_stride(stage->spec.embed_dim);
}

static float *maxima_of(const struct stage *stage, float *pooled, int set)
{
    return moments_of(stage, pooled, stage->sets) + (size_t)set * (size_t)lanes_stride(stage->spec.embed_dim);
}

static int32_t *argmax_of(const struct stage *stage, int set)
{
    return plan_of(stage)->argmax + (size_t)set * (size_t)lanes_stride(stage->spec.embed_dim);
}

static void encode(struct stage *stage, int set, int sets)
{
    const struct model_spec *d = &stage->spec;
    int stride = lanes_stride(d->embed_dim);
    void *z = embedding_of(stage, set);
    deep_sets_embed_pairs(stage, set, sets, z);
    float *pooled = plan_of(stage)->set_input[0];
    moments_pooling_forward(moments_of(stage, pooled, set), z, sets, d->pairs, stride, d->precision);
    if (deep_sets_joins_max(d))
        max_pooling_forward(maxima_of(stage, pooled, set), argmax_of(stage, set), z, sets, d->pairs, stride,
                            d->precision);
}

// Writes the result of one pooling for one set, [E] or [2 E]. The bias shifts all pairs equally.
static void write_result(const struct stage *stage, enum pooling_kind pooling, int set, float *result)
{
    const struct model_spec *d = &stage->spec;
    float *pooled = plan_of(stage)->set_input[0];
    int width = d->embed_dim, stride = lanes_stride(width);
    const float *bias = stage->parameters + bias_offset(stage, encoder_last_layer(stage));
    const float *moments = moments_of(stage, pooled, set);
    const float *from = pooling == POOLING_MAX ? maxima_of(stage, pooled, set) : moments;
    float scale = pooling == POOLING_SUM ? (float)d->pairs : 1;
    for (int j = 0; j < width; j++)
        result[j] = scale * (from[j] + bias[j]);
    if (pooling == POOLING_MOMENTS)
        memcpy(result + width, moments + stride, (size_t)width * sizeof *result);
}

static void embed(struct stage *stage, int sets)
{
    int list[JOINED_MAX], count = joined_list((int)stage->spec.pooling, list);
    float *result = plan_of(stage)->set_input[1];
    for (int set = 0; set < sets; set++)
        for (int i = 0; i < count; i++) {
            write_result(stage, (enum pooling_kind)list[i], set, result);
            result += model_pooling_embeddings((enum pooling_kind)list[i]) * stage->spec.embed_dim;
        }
}

static void add_scaled(float *sum, const float *row, float scale, int width)
{
    for (int j = 0; j < width; j++)
        sum[j] += scale * row[j];
}

// Adds the gradient at the result of one pooling for one set to the gradient at its moments or maxima.
static void add_gradient(const struct stage *stage, enum pooling_kind pooling, int set, const float *dresult)
{
    const struct model_spec *d = &stage->spec;
    float *dpooled = plan_of(stage)->set_gradient[0], *dmoments = moments_of(stage, dpooled, set);
    int width = d->embed_dim;
    if (pooling == POOLING_MAX)
        add_scaled(maxima_of(stage, dpooled, set), dresult, 1, width);
    else
        add_scaled(dmoments, dresult, pooling == POOLING_SUM ? (float)d->pairs : 1, width);
    if (pooling == POOLING_MOMENTS)
        add_scaled(dmoments + lanes_stride(width), dresult + width, 1, width);
}

static void embed_backward(struct stage *stage, int sets, float *dembedding,
                           const struct model_gradients *gradients)
{
    const struct model_spec *d = &stage->spec;
    int list[JOINED_MAX], count = joined_list((int)d->pooling, list), width = d->embed_dim,
                          stride = lanes_stride(width);
    float *db = gradients->of(gradients->context, 0) + bias_offset(stage, encoder_last_layer(stage));
    float *dpooled = plan_of(stage)->set_gradient[0];
    memset(dpooled, 0, (size_t)stage->sets * (size_t)deep_sets_input_stride(d, 0) * sizeof *dpooled);
    for (int set = 0; set < sets; set++)
        for (int i = 0; i < count; i++) {
            add_gradient(stage, (enum pooling_kind)list[i], set, dembedding);
            dembedding += model_pooling_embeddings((enum pooling_kind)list[i]) * width;
        }
    memset(db, 0, (size_t)width * sizeof *db);
    bias_gradient(db, dpooled, sets, width, 2 * stride, PRECISION_FP32);
    if (deep_sets_joins_max(d))
        bias_gradient(db, maxima_of(stage, dpooled, 0), sets, width, stride, PRECISION_FP32);
}

// Adds the gradients at the maxima to those of their pairs' embeddings.
static void add_max_gradient(const struct stage *stage, int set, int sets, void *de)
{
    const struct model_spec *d = &stage->spec;
    const float *dmaxima = maxima_of(stage, plan_of(stage)->set_gradient[0], set);
    const int32_t *argmax = argmax_of(stage, set);
    int stride = lanes_stride(d->embed_dim);
    for (int s = 0; s < sets; s++, dmaxima += stride, argmax += stride)
        for (int j = 0; j < d->embed_dim; j++) {
            size_t at = (size_t)(s * d->pairs + argmax[j]) * (size_t)stride + (size_t)j;
            if (d->precision == PRECISION_FP32)
                ((float *)de)[at] += dmaxima[j];
            else
                ((uint16_t *)de)[at] =
                    operand_round_one(operand_widen_one(((uint16_t *)de)[at]) + dmaxima[j]);
        }
}

static int encode_backward(struct stage *stage, int set, int sets, void *dz, float *gradient,
                           const int32_t **argmax)
{
    const struct model_spec *d = &stage->spec;
    const struct tensor *weight = layer_weight(stage, encoder_last_layer(stage));
    int rows = sets * d->pairs, in = weight->columns, width = d->embed_dim;
    int in_stride = last_hidden_stride(stage), stride = lanes_stride(width);
    const void *h = deep_sets_activation(stage, d->encoder.count - 1, set);
    void *de = embedding_of(stage, set);
    (void)argmax;
    moments_pooling_backward(de, moments_of(stage, plan_of(stage)->set_gradient[0], set),
                             moments_of(stage, plan_of(stage)->set_input[0], set), sets, d->pairs, stride,
                             d->precision);
    if (deep_sets_joins_max(d))
        add_max_gradient(stage, set, sets, de);
    gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                 .m = width,
                                 .n = in,
                                 .k = rows,
                                 .lda = stride,
                                 .ldb = in_stride,
                                 .a_transposed = true,
                                 .a = de,
                                 .b = h,
                                 .c = gradient + weight->offset,
                                 .add = set > 0});
    gemm_multiply(&(struct gemm){.types = to_activation(stage),
                                 .m = rows,
                                 .n = in,
                                 .k = width,
                                 .lda = stride,
                                 .ldc = in_stride,
                                 .a = de,
                                 .packed = backward_weight(stage, encoder_last_layer(stage)),
                                 .c = dz});
    relu_backward(dz, h, rows, in_stride, in_stride, d->precision);
    bias_gradient(plan_of(stage)->last_bias_gradient, dz, rows, in_stride, in_stride, d->precision);
    return rows;
}

const struct pooling pooling_moments = {.reads_activation = true,
                                        .encode = encode,
                                        .embed = embed,
                                        .embed_backward = embed_backward,
                                        .encode_backward = encode_backward};
