/* Mean and standard deviation over pairs: computes every pair's embedding in forward and backward pass. */
#include "kernel/bias_relu.h"
#include "kernel/moments_pooling.h"
#include "model/deep_sets.h"
#include "model/pooling.h"

#include <string.h>

// Embeddings of the pairs from `set` on, kept for the whole shard, without the bias, which only shifts the
// mean.
static void *embedding_of(const struct model *model, int set)
{
    const struct model_spec *d = &model->spec;
    return element_at(model, plan_of(model)->embedding,
                      (size_t)set * (size_t)d->pairs * (size_t)lanes_stride(d->embed_dim));
}

static void encode(struct model *model, int set, int sets)
{
    const struct model_spec *d = &model->spec;
    int rows = sets * d->pairs, in = widths_last(&d->encoder);
    int in_stride = last_hidden_stride(model), stride = lanes_stride(d->embed_dim);
    const void *h = deep_sets_activation(model, d->encoder.count - 1, set);
    void *z = embedding_of(model, set);
    gemm_multiply(&(struct gemm){.types = to_activation(model),
                                 .m = rows,
                                 .n = d->embed_dim,
                                 .k = in,
                                 .lda = in_stride,
                                 .ldc = stride,
                                 .a = h,
                                 .packed = forward_weight(model, encoder_last_layer(model)),
                                 .c = z});
    moments_pooling_forward(plan_of(model)->set_input[0] + (size_t)set * 2 * (size_t)stride, z, sets,
                            d->pairs, stride, d->precision);
}

// Copies the padded moments [S, 2, stride] to the decoder's input [S, 2 E].
static void embed(struct model *model, int sets)
{
    int width = model->spec.embed_dim, stride = lanes_stride(width);
    const float *moments = plan_of(model)->set_input[0];
    float *embedding = plan_of(model)->set_input[1];
    for (int row = 0; row < 2 * sets; row++)
        memcpy(embedding + row * width, moments + row * stride, (size_t)width * sizeof *moments);
    bias_add(embedding, model->parameters + bias_offset(model, encoder_last_layer(model)), sets, width,
             2 * width, PRECISION_FP32);
}

static void embed_backward(struct model *model, int sets, float *dembedding,
                           const struct model_gradients *gradients)
{
    float *gradient = gradients->of(gradients->context, 0);
    int width = model->spec.embed_dim, stride = lanes_stride(width);
    float *dmoments = plan_of(model)->set_gradient[0];
    float *db = gradient + bias_offset(model, encoder_last_layer(model));
    memset(db, 0, (size_t)width * sizeof *db);
    bias_gradient(db, dembedding, sets, width, 2 * width, PRECISION_FP32);
    for (int row = 0; row < 2 * sets; row++) {
        memcpy(dmoments + row * stride, dembedding + row * width, (size_t)width * sizeof *dmoments);
        memset(dmoments + row * stride + width, 0, (size_t)(stride - width) * sizeof *dmoments);
    }
}

static int encode_backward(struct model *model, int set, int sets, void *dz, float *gradient,
                           const int32_t **argmax)
{
    const struct model_spec *d = &model->spec;
    const struct tensor *weight = layer_weight(model, encoder_last_layer(model));
    int rows = sets * d->pairs, in = weight->columns, width = d->embed_dim;
    int in_stride = last_hidden_stride(model), stride = lanes_stride(width);
    size_t at = (size_t)set * 2 * (size_t)stride;
    const void *h = deep_sets_activation(model, d->encoder.count - 1, set);
    void *de = embedding_of(model, set);
    (void)argmax;
    moments_pooling_backward(de, plan_of(model)->set_gradient[0] + at, plan_of(model)->set_input[0] + at,
                             sets, d->pairs, stride, d->precision);
    gemm_multiply(&(struct gemm){.types = to_fp32(model),
                                 .m = width,
                                 .n = in,
                                 .k = rows,
                                 .lda = stride,
                                 .ldb = in_stride,
                                 .ldc = in,
                                 .a_transposed = true,
                                 .a = de,
                                 .b = h,
                                 .c = gradient + weight->offset,
                                 .add = set > 0});
    gemm_multiply(&(struct gemm){.types = to_activation(model),
                                 .m = rows,
                                 .n = in,
                                 .k = width,
                                 .lda = stride,
                                 .ldc = in_stride,
                                 .a = de,
                                 .packed = backward_weight(model, encoder_last_layer(model)),
                                 .c = dz});
    relu_backward(dz, h, rows, in_stride, in_stride, d->precision);
    bias_gradient(plan_of(model)->last_bias_gradient, dz, rows, in_stride, in_stride, d->precision);
    return rows;
}

const struct pooling pooling_moments = {.reads_activation = true,
                                        .encode = encode,
                                        .embed = embed,
                                        .embed_backward = embed_backward,
                                        .encode_backward = encode_backward};
