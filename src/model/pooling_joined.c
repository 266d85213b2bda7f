/* Maximum joined with mean, sum or both. The maximum passes gradients to the argmax pairs alone, as in
 * pooling_selected.c; mean and sum are linear, so their part of the encoder's last layer comes after pooling,
 * as in pooling_mean.c. */
#include "kernel/bias_relu.h"
#include "kernel/operand.h"
#include "model/deep_sets.h"
#include "model/pooling.h"
#include "model/set_layers.h"

#include <string.h>

static void encode(struct stage *stage, int set, int sets)
{
    pooling_max.encode(stage, set, sets);
    pooling_mean.encode(stage, set, sets);
}

// The sum is the mean times the number of pairs, the bias included.
static float linear_scale(const struct stage *stage, int pooling)
{
    return pooling == POOLING_SUM ? (float)stage->spec.pairs : 1;
}

static void embed(struct stage *stage, int sets)
{
    const struct deep_sets_workspace *plan = plan_of(stage);
    int list[JOINED_MAX], count = joined_list((int)stage->spec.pooling, list);
    int width = stage->spec.embed_dim, stride = lanes_stride(width);
    const float *bias = stage->parameters + bias_offset(stage, encoder_last_layer(stage));
    float *result = plan->set_input[1];
    set_layers_forward(stage, 0, sets, plan->mean);
    for (int set = 0; set < sets; set++)
        for (int i = 0; i < count; i++, result += width) {
            const float *maxima = plan->maxima + set * stride, *mean = plan->mean + set * width;
            float scale = linear_scale(stage, list[i]);
            for (int j = 0; j < width; j++)
                result[j] = list[i] == POOLING_MAX ? maxima[j] + bias[j] : scale * mean[j];
        }
}

// Splits the gradient at the results of a set into dmean and dmaxima. dmaxima overwrites the gradients of
// earlier sets.
static void split_gradient(struct stage *stage, int set, const float *dresults, float *dmean, float *dmaxima)
{
    int list[JOINED_MAX], count = joined_list((int)stage->spec.pooling, list), width = stage->spec.embed_dim;
    const float *row = dresults + (size_t)set * (size_t)(count * width);
    memset(dmean, 0, (size_t)width * sizeof *dmean);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < width && list[i] != POOLING_MAX; j++)
            dmean[j] += linear_scale(stage, list[i]) * row[i * width + j];
    for (int i = 0; i < count; i++)
        if (list[i] == POOLING_MAX)
            memmove(dmaxima, row + i * width, (size_t)width * sizeof *dmaxima);
}

// pooling_selected.c still adds to the gradient of the encoder's last layer.
static void not_finished(void *context, int shard, size_t begin, size_t count)
{
    (void)context, (void)shard, (void)begin, (void)count;
}

static void embed_backward(struct stage *stage, int sets, float *dembedding,
                           const struct model_gradients *gradients)
{
    const struct deep_sets_workspace *plan = plan_of(stage);
    const struct model_gradients partial = {gradients->of, not_finished, gradients->context};
    int width = stage->spec.embed_dim;
    float *db = gradients->of(gradients->context, 0) + bias_offset(stage, encoder_last_layer(stage));
    for (int set = 0; set < sets; set++)
        split_gradient(stage, set, dembedding, plan->mean + set * width, dembedding + set * width);
    set_layers_backward(stage, 0, sets, plan->mean, &partial);
    bias_gradient(db, dembedding, sets, width, width, PRECISION_FP32);
    memset(plan->last_weight_gradient, 0, (size_t)width * (size_t)last_hidden_stride(stage) * sizeof(float));
}

// Adds rows [count, stride] to rows row[i] of dz.
static void add_rows(const struct stage *stage, void *dz, const void *rows, const int32_t *row, int count)
{
    size_t stride = (size_t)last_hidden_stride(stage);
    for (int i = 0; i < count; i++) {
        void *to = element_at(stage, dz, (size_t)row[i] * stride);
        const void *from = element_at(stage, rows, (size_t)i * stride);
        for (size_t j = 0; j < stride; j++)
            if (stage->spec.precision == PRECISION_FP32)
                ((float *)to)[j] += ((const float *)from)[j];
            else
                ((uint16_t *)to)[j] = operand_round_one(operand_widen_one(((uint16_t *)to)[j]) +
                                                        operand_widen_one(((const uint16_t *)from)[j]));
    }
}

static int encode_backward(struct stage *stage, int set, int sets, void *dz, float *gradient,
                           const int32_t **argmax)
{
    void *rows = plan_of(stage)->gradient[1];
    const int32_t *row;
    int all = pooling_mean.encode_backward(stage, set, sets, dz, gradient, argmax);
    int count = pooling_max.encode_backward(stage, set, sets, rows, gradient, &row);
    add_rows(stage, dz, rows, row, count);
    return all;
}

static void finish(struct stage *stage, float *gradient)
{
    const struct tensor *weight = layer_weight(stage, encoder_last_layer(stage));
    size_t stride = (size_t)last_hidden_stride(stage), columns = (size_t)weight->columns;
    const float *from = plan_of(stage)->last_weight_gradient;
    float *to = gradient + weight->offset;
    for (size_t row = 0; row < (size_t)weight->rows; row++)
        for (size_t j = 0; j < columns; j++)
            to[row * columns + j] += from[row * stride + j];
}

const struct pooling pooling_joined = {.set_parameters = pooling_selected_set_parameters,
                                       .reads_activation = true,
                                       .encode = encode,
                                       .embed = embed,
                                       .embed_backward = embed_backward,
                                       .encode_backward = encode_backward,
                                       .finish = finish};
