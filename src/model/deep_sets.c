/* Deep sets (Zaheer et al., NeurIPS 2017): a network for each pair, pooling over the pairs of a set, a network for each set.
 *
 * The encoder's last layer is linear and so is the pooling: it comes after pooling, once a set. */
#include "base/stop.h"
#include "kernel/activation.h"
#include "kernel/gemm.h"
#include "kernel/lanes.h"
#include "kernel/narrow.h"
#include "kernel/operand.h"
#include "kernel/pooling.h"
#include "model/network.h"

#include <string.h>

// ---- the tensors by layer: weight and bias alternate, encoder first ----

static const struct tensor *layer_weight(const struct model *model, int layer)
{
    return &model->table.tensors[2 * layer];
}

static size_t bias_offset(const struct model *model, int layer)
{
    return model->table.tensors[2 * layer + 1].offset;
}

static const struct deep_sets_layout *layout_of(const struct model *model)
{
    return &model->layout.deep_sets;
}

static const void *forward_weight(const struct model *model, int layer) // [in, out]
{
    return workspace_numbers(model, layout_of(model)->forward_weights, layer_weight(model, layer)->offset);
}

static const void *backward_weight(const struct model *model, int layer) // [out, in]
{
    size_t offset = layer_weight(model, layer)->offset;
    if (model->description.precision == PRECISION_FP32)
        return model->parameters + offset;
    return workspace_numbers(model, layout_of(model)->backward_weights, offset);
}

// How the numbers of a product are stored whose result is an activation, or fp32.
static enum gemm_numbers to_activation(const struct model *model)
{
    return model->description.precision == PRECISION_FP32 ? GEMM_FP32 : GEMM_BF16;
}

static enum gemm_numbers to_fp32(const struct model *model)
{
    return model->description.precision == PRECISION_FP32 ? GEMM_FP32 : GEMM_BF16_FP32;
}

static void prepare_first_layer(const struct model *model)
{
    const struct model_description *d = &model->description;
    int width = d->encoder.width[0], stride = lanes_stride(width);
    const float *weight = model->parameters + layer_weight(model, 0)->offset; // [width, pair_width]
    float *transposed = workspace_at(model, layout_of(model)->first_weight);
    for (int j = 0; j < width; j++)
        for (int k = 0; k < d->pair_width; k++)
            transposed[k * stride + j] = weight[j * d->pair_width + k];
    memcpy(workspace_at(model, layout_of(model)->first_bias), model->parameters + bias_offset(model, 0),
           (size_t)width * sizeof(float));
}

static void use(struct model *model)
{
    const struct model_description *d = &model->description;
    const float *parameters = model->parameters;
    int last = d->encoder.count - 1;
    prepare_first_layer(model);
    if (last > 0) // else the first layer has added it, and the one before pooling stays zero
        memcpy(workspace_at(model, layout_of(model)->last_bias), parameters + bias_offset(model, last),
               (size_t)d->encoder.width[last] * sizeof(float));
    for (int layer = 1; layer < model->table.count / 2; layer++) {
        const struct tensor *weight = layer_weight(model, layer);
        operand_transpose((void *)forward_weight(model, layer), parameters + weight->offset, weight->rows,
                          weight->columns, d->precision);
        if (d->precision != PRECISION_FP32)
            operand_copy((void *)backward_weight(model, layer), parameters + weight->offset,
                         tensor_size(weight), d->precision);
    }
}

// ---- the encoder's hidden layers, over the pairs of a tile ----

// Activations of hidden layer i for the tile that starts at `set`.
static void *activation(const struct model *model, int i, int set)
{
    const struct widths *encoder = &model->description.encoder;
    bool kept = i > 0 && i < encoder->count - 1; // for the whole shard
    size_t row = kept ? (size_t)set * (size_t)model->description.pairs : 0;
    return workspace_numbers(model, layout_of(model)->activation[i],
                             row * (size_t)lanes_stride(encoder->width[i]));
}

static uint32_t *signs_of(const struct model *model, int set)
{
    const struct widths *encoder = &model->description.encoder;
    size_t row = (size_t)lanes_stride(encoder->width[encoder->count - 1]);
    uint32_t *signs = (uint32_t *)workspace_at(model, layout_of(model)->signs);
    return signs + (size_t)set * (size_t)pooling_words(model->description.pairs) * row;
}

static void first_layer(const struct model *model, const float *pairs, int rows, void *h)
{
    const struct model_description *d = &model->description;
    narrow_relu_forward(h, pairs, workspace_at(model, layout_of(model)->first_weight),
                        workspace_at(model, layout_of(model)->first_bias), rows, d->pair_width,
                        lanes_stride(d->encoder.width[0]), d->precision);
}

static float mean_scale(const struct model_description *d)
{
    return 1.0f / (float)d->pairs;
}

static void encode_tile(struct model *model, int set, int sets, const float *pairs)
{
    const struct model_description *d = &model->description;
    int rows = sets * d->pairs, last = d->encoder.count - 1;
    first_layer(model, pairs, rows, activation(model, 0, set));
    for (int i = 1; i <= last; i++) {
        int in = d->encoder.width[i - 1], out = d->encoder.width[i], stride = lanes_stride(out);
        void *z = activation(model, i, set);
        gemm_nn(to_activation(model), rows, out, in, activation(model, i - 1, set), lanes_stride(in),
                forward_weight(model, i), out, z, stride, false);
        if (i < last)
            bias_relu(z, model->parameters + bias_offset(model, i), rows, out, stride, d->precision);
    }
    int stride = lanes_stride(d->encoder.width[last]);
    pooling_sum_forward(workspace_at(model, layout_of(model)->set_input[0]) + (size_t)set * (size_t)stride,
                        signs_of(model, set), activation(model, last, set),
                        workspace_at(model, layout_of(model)->last_bias), mean_scale(d), sets, d->pairs,
                        stride, d->precision);
}

// The gradient at a hidden layer between the first and the last, through its ReLU, and its bias's.
static void middle_layer_backward(const struct model *model, int i, int rows, void *dh, const void *h,
                                  float *gradient, bool add)
{
    const struct model_description *d = &model->description;
    int width = d->encoder.width[i], stride = lanes_stride(width);
    float *db = gradient + bias_offset(model, i);
    if (!add)
        memset(db, 0, (size_t)width * sizeof(float));
    relu_backward(dh, h, rows, width, stride, d->precision);
    bias_gradient(db, dh, rows, width, stride, d->precision);
}

// dpooled [S, wk] -> gradients of the encoder's hidden layers. `add`: not the first tile.
static void encode_tile_backward(struct model *model, int set, int sets, const float *pairs,
                                 const float *dpooled, float *gradient, bool add)
{
    const struct model_description *d = &model->description;
    int rows = sets * d->pairs, last = d->encoder.count - 1;
    int first_stride = lanes_stride(d->encoder.width[0]), last_stride = lanes_stride(d->encoder.width[last]);
    void *dz = workspace_at(model, layout_of(model)->gradient[0]),
         *dh = workspace_at(model, layout_of(model)->gradient[1]);
    first_layer(model, pairs, rows, activation(model, 0, set)); // later tiles have overwritten it
    pooling_sum_backward(dz, workspace_at(model, layout_of(model)->last_bias_gradient),
                         dpooled + (size_t)set * (size_t)last_stride, signs_of(model, set), mean_scale(d),
                         sets, d->pairs, last_stride, d->precision);
    for (int i = last; i > 0; i--) {
        int in = d->encoder.width[i - 1], out = d->encoder.width[i];
        int in_stride = lanes_stride(in), out_stride = lanes_stride(out);
        const void *h = activation(model, i - 1, set);
        gemm_tn(to_fp32(model), out, in, rows, dz, out_stride, h, in_stride,
                gradient + layer_weight(model, i)->offset, in, add);
        gemm_nn(to_activation(model), rows, in, out, dz, out_stride, backward_weight(model, i), in, dh,
                in_stride, false);
        if (i > 1)
            middle_layer_backward(model, i - 1, rows, dh, h, gradient, add);
        void *swap = dz;
        dz = dh;
        dh = swap;
    }
    // With one hidden layer dz has passed its ReLU already; passing it again by its own signs changes nothing.
    float *dw = workspace_at(model, layout_of(model)->first_gradient),
          *db = dw + d->pair_width * first_stride;
    narrow_relu_backward(dw, db, dz, activation(model, 0, set), pairs, rows, d->pair_width, first_stride,
                         d->precision);
}

// ---- after pooling: layer k of the encoder's last (linear), the decoder's hidden (ReLU) and last (linear) ----

static int set_layer(const struct model *model, int k) // its number among all layers
{
    return model->description.encoder.count + k;
}

static bool has_relu(const struct model *model, int k)
{
    return k >= 1 && k <= model->description.decoder.count;
}

// Layer k's input as an operand of products.
static const void *set_operand(const struct model *model, int k)
{
    return workspace_at(model, layout_of(model)->set_operand[k]);
}

// Pooling by sum is pooling by mean and then times the pairs: the encoder's last bias counts for each of them.
static void scale_embedding(const struct model *model, float *embedding, int sets)
{
    const struct model_description *d = &model->description;
    if (d->pooling != POOLING_SUM)
        return;
    for (int i = 0; i < sets * d->embed_dim; i++)
        embedding[i] *= (float)d->pairs;
}

static void decode(struct model *model, int sets, float *output)
{
    const struct model_description *d = &model->description;
    int layers = deep_sets_set_layers(d);
    for (int k = 0; k < layers; k++) {
        int layer = set_layer(model, k), out = layer_weight(model, layer)->rows,
            ld = deep_sets_input_stride(d, k);
        float *z = k + 1 < layers ? workspace_at(model, layout_of(model)->set_input[k + 1]) : output;
        if (d->precision != PRECISION_FP32)
            operand_copy((void *)set_operand(model, k), workspace_at(model, layout_of(model)->set_input[k]),
                         (size_t)sets * (size_t)ld, d->precision);
        gemm_nn(to_fp32(model), sets, out, deep_sets_input_width(d, k), set_operand(model, k), ld,
                forward_weight(model, layer), out, z, out, false);
        if (has_relu(model, k))
            bias_relu(z, model->parameters + bias_offset(model, layer), sets, out, out, PRECISION_FP32);
        else
            bias_add(z, model->parameters + bias_offset(model, layer), sets, out, out);
        if (k == 0)
            scale_embedding(model, z, sets);
    }
}

// dz as an operand of products.
static const void *gradient_operand(const struct model *model, const float *dz, size_t count)
{
    if (model->description.precision == PRECISION_FP32)
        return dz;
    void *operand = workspace_at(model, layout_of(model)->set_gradient_operand);
    operand_copy(operand, dz, count, model->description.precision);
    return operand;
}

// Returns the gradient at the pooled hidden layer, [sets, padded width].
static const float *decode_backward(struct model *model, int sets, const float *output_gradient,
                                    float *gradient)
{
    const struct model_description *d = &model->description;
    const float *dz = output_gradient;
    for (int k = deep_sets_set_layers(d) - 1; k >= 0; k--) {
        int layer = set_layer(model, k), out = layer_weight(model, layer)->rows;
        int in = deep_sets_input_width(d, k), ld = deep_sets_input_stride(d, k);
        float *db = gradient + bias_offset(model, layer);
        float *dinput = workspace_at(model, layout_of(model)->set_gradient[k % 2]);
        memset(db, 0, (size_t)out * sizeof(float));
        bias_gradient(db, dz, sets, out, out, PRECISION_FP32);
        const void *operand = gradient_operand(model, dz, (size_t)sets * (size_t)out);
        gemm_tn(to_fp32(model), out, in, sets, operand, out, set_operand(model, k), ld,
                gradient + layer_weight(model, layer)->offset, in, false);
        gemm_nn(to_fp32(model), sets, in, out, operand, out, backward_weight(model, layer), in, dinput, ld,
                false);
        if (k > 0 && has_relu(model, k - 1))
            relu_backward(dinput, workspace_at(model, layout_of(model)->set_input[k]), sets, in, ld,
                          PRECISION_FP32);
        if (k == 1)
            scale_embedding(model, dinput, sets);
        dz = dinput;
    }
    return dz;
}

// ---- a shard ----

static void forward(struct model *model, int sets, const float *pairs, float *output)
{
    const struct model_description *d = &model->description;
    size_t set_length = (size_t)d->pairs * (size_t)d->pair_width;
    for (int set = 0; set < sets; set += layout_of(model)->tile_sets) {
        if (stop_requested())
            return;
        int count = sets - set < layout_of(model)->tile_sets ? sets - set : layout_of(model)->tile_sets;
        encode_tile(model, set, count, pairs + (size_t)set * set_length);
    }
    decode(model, sets, output);
}

// The first and the last hidden layer's gradients are gathered padded; unpad them into the flat vector.
static void finish_gradient(const struct model *model, float *gradient)
{
    const struct model_description *d = &model->description;
    int first = d->encoder.width[0], stride = lanes_stride(first), last = d->encoder.count - 1;
    const float *dw = workspace_at(model, layout_of(model)->first_gradient);
    float *weight = gradient + layer_weight(model, 0)->offset;
    for (int j = 0; j < first; j++)
        for (int k = 0; k < d->pair_width; k++)
            weight[j * d->pair_width + k] = dw[k * stride + j];
    memcpy(gradient + bias_offset(model, 0), dw + d->pair_width * stride, (size_t)first * sizeof(float));
    if (last > 0)
        memcpy(gradient + bias_offset(model, last), workspace_at(model, layout_of(model)->last_bias_gradient),
               (size_t)d->encoder.width[last] * sizeof(float));
}

static void backward(struct model *model, int sets, const float *pairs, const float *output_gradient,
                     float *gradient)
{
    const struct model_description *d = &model->description;
    size_t set_length = (size_t)d->pairs * (size_t)d->pair_width;
    int first_stride = lanes_stride(d->encoder.width[0]);
    int last_stride = lanes_stride(d->encoder.width[d->encoder.count - 1]);
    memset(workspace_at(model, layout_of(model)->first_gradient), 0,
           (size_t)(d->pair_width + 1) * (size_t)first_stride * sizeof(float));
    memset(workspace_at(model, layout_of(model)->last_bias_gradient), 0, (size_t)last_stride * sizeof(float));
    const float *dpooled = decode_backward(model, sets, output_gradient, gradient);
    for (int set = 0; set < sets; set += layout_of(model)->tile_sets) {
        if (stop_requested())
            return;
        int count = sets - set < layout_of(model)->tile_sets ? sets - set : layout_of(model)->tile_sets;
        encode_tile_backward(model, set, count, pairs + (size_t)set * set_length, dpooled, gradient, set > 0);
    }
    finish_gradient(model, gradient);
}

static size_t arrange(struct model *model, int sets)
{
    deep_sets_layout(&model->description, sets, &model->layout.deep_sets);
    return model->layout.deep_sets.total;
}

const struct network deep_sets_network = {arrange, use, forward, backward};
