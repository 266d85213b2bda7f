/* Mean and sum. Both are linear, as is the encoder's last layer, which therefore comes after pooling: once
 * per set instead of once per pair. */
#include "kernel/sum_pooling.h"
#include "model/deep_sets.h"
#include "model/pooling.h"
#include "model/set_layers.h"

static float mean_scale(const struct stage *stage)
{
    return 1.0f / (float)stage->spec.pairs;
}

static void encode(struct stage *stage, int set, int sets)
{
    const struct model_spec *d = &stage->spec;
    int stride = last_hidden_stride(stage);
    sum_pooling_forward(plan_of(stage)->set_input[0] + (size_t)set * (size_t)stride,
                        deep_sets_signs(stage, set), deep_sets_activation(stage, d->encoder.count - 1, set),
                        plan_of(stage)->last_bias, mean_scale(stage), sets, d->pairs, stride, d->precision);
}

// The sum is the mean times the number of pairs, the encoder's last bias included.
static void scale_embedding(const struct stage *stage, float *embedding, int sets)
{
    const struct model_spec *d = &stage->spec;
    if (d->pooling != POOLING_SUM)
        return;
    for (int i = 0; i < sets * d->embed_dim; i++)
        embedding[i] *= (float)d->pairs;
}

static void embed(struct stage *stage, int sets)
{
    float *embedding = plan_of(stage)->set_input[1];
    set_layers_forward(stage, 0, sets, embedding);
    scale_embedding(stage, embedding, sets);
}

static void embed_backward(struct stage *stage, int sets, float *dembedding,
                           const struct model_gradients *gradients)
{
    scale_embedding(stage, dembedding, sets);
    set_layers_backward(stage, 0, sets, dembedding, gradients);
}

static int encode_backward(struct stage *stage, int set, int sets, void *dz, float *gradient,
                           const int32_t **argmax)
{
    const struct model_spec *d = &stage->spec;
    int stride = last_hidden_stride(stage);
    const float *dpooled = plan_of(stage)->set_gradient[0];
    (void)gradient, (void)argmax;
    sum_pooling_backward(dz, plan_of(stage)->last_bias_gradient, dpooled + (size_t)set * (size_t)stride,
                         deep_sets_signs(stage, set), mean_scale(stage), sets, d->pairs, stride,
                         d->precision);
    return sets * d->pairs;
}

const struct pooling pooling_mean = {
    .encode = encode, .embed = embed, .embed_backward = embed_backward, .encode_backward = encode_backward};
