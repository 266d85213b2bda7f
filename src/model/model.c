#include "model/model.h"

#include "base/memory.h"
#include "base/stop.h"
#include "kernel/activation.h"
#include "kernel/gemm.h"
#include "kernel/lanes.h"
#include "kernel/narrow.h"
#include "kernel/pooling.h"
#include "kernel/random.h"
#include "model/layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct model {
    struct model_description description;
    struct tensor_table table;
    struct deep_sets_layout layout;
    float *workspace;
    const float *parameters; // in use, not ours
};

enum status model_create(const struct model_description *description, int sets, struct model **out)
{
    struct model *model = memory_small(sizeof *model);
    model->description = *description;
    model_tensors(description, &model->table);
    deep_sets_layout(description, sets, &model->layout);
    enum status status = memory_alloc(model->layout.total * sizeof(float), (void **)&model->workspace);
    if (status != STATUS_OK)
        model_destroy(&model);
    *out = model;
    return status;
}

void model_destroy(struct model **model)
{
    if (!*model)
        return;
    memory_free((void **)&(*model)->workspace);
    free(*model);
    *model = NULL;
}

const struct tensor_table *model_table(const struct model *model)
{
    return &model->table;
}

void model_initialise(const struct model *model, int64_t seed, float *parameters)
{
    struct random_stream stream = {.seed = seed, .purpose = RANDOM_PARAMETERS};
    for (int i = 0; i < model->table.count; i++) {
        const struct tensor *tensor = &model->table.tensors[i];
        float *values = parameters + tensor->offset;
        float bound = 1.0f / sqrtf((float)tensor->fan_in);
        random_uniform(values, &stream, i, (int64_t)tensor_size(tensor));
        for (size_t k = 0; k < tensor_size(tensor); k++)
            values[k] *= bound;
    }
}

// ---- the tensors by layer: weight and bias alternate, encoder first ----

static const struct tensor *layer_weight(const struct model *model, int layer)
{
    return &model->table.tensors[2 * layer];
}

static size_t bias_offset(const struct model *model, int layer)
{
    return model->table.tensors[2 * layer + 1].offset;
}

static float *at(const struct model *model, size_t offset)
{
    return model->workspace + offset;
}

void model_use(struct model *model, const float *parameters)
{
    const struct model_description *d = &model->description;
    int first = d->encoder.width[0], first_stride = lanes_stride(first);
    int last_layer = d->encoder.count - 1, last = d->encoder.width[last_layer];
    const float *weight = parameters + layer_weight(model, 0)->offset; // [first, pair_width]
    float *transposed = at(model, model->layout.first_weight);
    for (int j = 0; j < first; j++)
        for (int k = 0; k < d->pair_width; k++)
            transposed[k * first_stride + j] = weight[j * d->pair_width + k];
    memcpy(at(model, model->layout.first_bias), parameters + bias_offset(model, 0), (size_t)first * sizeof(float));
    if (last_layer > 0) // else the first layer has added it, and the one before pooling stays zero
        memcpy(at(model, model->layout.last_bias), parameters + bias_offset(model, last_layer), (size_t)last * sizeof(float));
    model->parameters = parameters;
}

// ---- the encoder's hidden layers, over the pairs of a tile ----

// Activations of hidden layer i for the tile that starts at `set`.
static float *activation(const struct model *model, int i, int set)
{
    const struct widths *encoder = &model->description.encoder;
    size_t offset = model->layout.activation[i];
    if (i > 0 && i < encoder->count - 1) // kept for the whole shard
        offset += (size_t)set * (size_t)model->description.pairs * (size_t)lanes_stride(encoder->width[i]);
    return at(model, offset);
}

static uint32_t *signs_of(const struct model *model, int set)
{
    const struct widths *encoder = &model->description.encoder;
    size_t row = (size_t)lanes_stride(encoder->width[encoder->count - 1]);
    uint32_t *signs = (uint32_t *)at(model, model->layout.signs);
    return signs + (size_t)set * (size_t)pooling_words(model->description.pairs) * row;
}

static void first_layer(const struct model *model, const float *pairs, int rows, float *h)
{
    const struct model_description *d = &model->description;
    int stride = lanes_stride(d->encoder.width[0]);
    const float *bias = at(model, model->layout.first_bias);
    if (d->pair_width <= NARROW_MAX) {
        narrow_relu_forward(h, pairs, at(model, model->layout.first_weight), bias, rows, d->pair_width, stride);
        return;
    }
    gemm_nn(rows, stride, d->pair_width, pairs, d->pair_width, at(model, model->layout.first_weight), stride, h, stride,
            false);
    bias_relu(h, bias, rows, stride, stride);
}

static void first_layer_backward(const struct model *model, const float *pairs, int rows, const float *h, float *dh)
{
    const struct model_description *d = &model->description;
    int stride = lanes_stride(d->encoder.width[0]);
    float *dw = at(model, model->layout.first_gradient), *db = dw + d->pair_width * stride;
    if (d->pair_width <= NARROW_MAX) {
        narrow_relu_backward(dw, db, dh, h, pairs, rows, d->pair_width, stride);
        return;
    }
    relu_backward(dh, h, rows, stride, stride);
    bias_gradient(db, dh, rows, stride, stride);
    gemm_tn(d->pair_width, stride, rows, pairs, d->pair_width, dh, stride, dw, stride, true);
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
        const float *weight = model->parameters + layer_weight(model, i)->offset;
        float *z = activation(model, i, set);
        gemm_nt(rows, out, in, activation(model, i - 1, set), lanes_stride(in), weight, in, z, stride, false);
        if (i < last)
            bias_relu(z, model->parameters + bias_offset(model, i), rows, out, stride);
    }
    int stride = lanes_stride(d->encoder.width[last]);
    pooling_sum_forward(at(model, model->layout.pooled) + (size_t)set * (size_t)stride, signs_of(model, set),
                        activation(model, last, set), at(model, model->layout.last_bias), mean_scale(d), sets, d->pairs, stride);
}

// dpooled [S, wk] -> gradients of the encoder's hidden layers. `add`: not the first tile.
static void encode_tile_backward(struct model *model, int set, int sets, const float *pairs, const float *dpooled,
                                 float *gradient, bool add)
{
    const struct model_description *d = &model->description;
    int rows = sets * d->pairs, last = d->encoder.count - 1;
    int stride = lanes_stride(d->encoder.width[last]);
    float *dz = at(model, model->layout.gradient[0]), *dh = at(model, model->layout.gradient[1]);
    if (last > 0) // the first layer's activations were overwritten by later tiles
        first_layer(model, pairs, rows, activation(model, 0, set));
    pooling_sum_backward(dz, at(model, model->layout.last_bias_gradient), dpooled + (size_t)set * (size_t)stride,
                         signs_of(model, set), mean_scale(d), sets, d->pairs, stride);
    for (int i = last; i > 0; i--) {
        int in = d->encoder.width[i - 1], out = d->encoder.width[i];
        int in_stride = lanes_stride(in), out_stride = lanes_stride(out);
        size_t weight = layer_weight(model, i)->offset;
        const float *h = activation(model, i - 1, set);
        gemm_tn(out, in, rows, dz, out_stride, h, in_stride, gradient + weight, in, add);
        gemm_nn(rows, in, out, dz, out_stride, model->parameters + weight, in, dh, in_stride, false);
        if (i > 1) {
            relu_backward(dh, h, rows, in, in_stride);
            float *db = gradient + bias_offset(model, i - 1);
            if (!add)
                memset(db, 0, (size_t)in * sizeof(float));
            bias_gradient(db, dh, rows, in, in_stride);
        }
        float *swap = dz;
        dz = dh;
        dh = swap;
    }
    // With one hidden layer dz has passed its ReLU already; passing it again by its own signs changes nothing.
    if (last == 0)
        first_layer(model, pairs, rows, activation(model, 0, set));
    first_layer_backward(model, pairs, rows, activation(model, 0, set), dz);
}

// ---- after pooling: the encoder's last layer and the decoder, over the sets of the shard ----

struct dense_layer {
    int layer, in, out;
    const float *input; // [sets, ld]
    int ld;
    float *output; // [sets, out]
};

// Layer k of those after pooling: the encoder's last (linear), the decoder's hidden (ReLU), the decoder's last (linear).
static struct dense_layer set_layer(const struct model *model, int k, float *output)
{
    const struct model_description *d = &model->description;
    const struct deep_sets_layout *layout = &model->layout;
    int hidden = d->decoder.count, width = d->encoder.width[d->encoder.count - 1];
    struct dense_layer dense = {.layer = d->encoder.count + k};
    if (k == 0) {
        dense.in = width;
        dense.ld = lanes_stride(width);
        dense.input = at(model, layout->pooled);
    } else {
        dense.in = dense.ld = k == 1 ? d->embed_dim : d->decoder.width[k - 2];
        dense.input = at(model, k == 1 ? layout->embedding : layout->decoder[k - 2]);
    }
    if (k <= hidden) {
        dense.out = k == 0 ? d->embed_dim : d->decoder.width[k - 1];
        dense.output = at(model, k == 0 ? layout->embedding : layout->decoder[k - 1]);
    } else {
        dense.out = d->outputs;
        dense.output = output;
    }
    return dense;
}

static bool has_relu(const struct model *model, int k)
{
    return k >= 1 && k <= model->description.decoder.count;
}

static void decode(struct model *model, int sets, float *output)
{
    for (int k = 0; k <= model->description.decoder.count + 1; k++) {
        struct dense_layer dense = set_layer(model, k, output);
        const float *weight = model->parameters + layer_weight(model, dense.layer)->offset;
        const float *bias = model->parameters + bias_offset(model, dense.layer);
        gemm_nt(sets, dense.out, dense.in, dense.input, dense.ld, weight, dense.in, dense.output, dense.out, false);
        if (has_relu(model, k))
            bias_relu(dense.output, bias, sets, dense.out, dense.out);
        else
            bias_add(dense.output, bias, sets, dense.out, dense.out);
    }
}

// Returns the gradient at the pooled hidden layer, [sets, padded width].
static const float *decode_backward(struct model *model, int sets, const float *output_gradient, float *gradient)
{
    const float *dz = output_gradient;
    for (int k = model->description.decoder.count + 1; k >= 0; k--) {
        struct dense_layer dense = set_layer(model, k, NULL);
        size_t weight = layer_weight(model, dense.layer)->offset;
        float *db = gradient + bias_offset(model, dense.layer);
        float *dinput = at(model, model->layout.set_gradient[k % 2]);
        gemm_tn(dense.out, dense.in, sets, dz, dense.out, dense.input, dense.ld, gradient + weight, dense.in, false);
        memset(db, 0, (size_t)dense.out * sizeof(float));
        bias_gradient(db, dz, sets, dense.out, dense.out);
        gemm_nn(sets, dense.in, dense.out, dz, dense.out, model->parameters + weight, dense.in, dinput, dense.ld, false);
        if (k > 0 && has_relu(model, k - 1))
            relu_backward(dinput, dense.input, sets, dense.in, dense.ld);
        dz = dinput;
    }
    return dz;
}

// ---- a shard ----

void model_forward(struct model *model, int sets, const float *pairs, float *output)
{
    const struct model_description *d = &model->description;
    size_t set_length = (size_t)d->pairs * (size_t)d->pair_width;
    for (int set = 0; set < sets; set += model->layout.tile_sets) {
        if (stop_requested())
            return;
        int count = sets - set < model->layout.tile_sets ? sets - set : model->layout.tile_sets;
        encode_tile(model, set, count, pairs + (size_t)set * set_length);
    }
    decode(model, sets, output);
}

// The first and the last hidden layer's gradients are gathered padded; unpad them into the flat vector.
static void finish_gradient(const struct model *model, float *gradient)
{
    const struct model_description *d = &model->description;
    int first = d->encoder.width[0], stride = lanes_stride(first), last = d->encoder.count - 1;
    const float *dw = at(model, model->layout.first_gradient);
    float *weight = gradient + layer_weight(model, 0)->offset;
    for (int j = 0; j < first; j++)
        for (int k = 0; k < d->pair_width; k++)
            weight[j * d->pair_width + k] = dw[k * stride + j];
    memcpy(gradient + bias_offset(model, 0), dw + d->pair_width * stride, (size_t)first * sizeof(float));
    if (last > 0)
        memcpy(gradient + bias_offset(model, last), at(model, model->layout.last_bias_gradient),
               (size_t)d->encoder.width[last] * sizeof(float));
}

void model_backward(struct model *model, int sets, const float *pairs, const float *output_gradient, float *gradient)
{
    const struct model_description *d = &model->description;
    size_t set_length = (size_t)d->pairs * (size_t)d->pair_width;
    int first_stride = lanes_stride(d->encoder.width[0]);
    int last_stride = lanes_stride(d->encoder.width[d->encoder.count - 1]);
    memset(at(model, model->layout.first_gradient), 0, (size_t)(d->pair_width + 1) * (size_t)first_stride * sizeof(float));
    memset(at(model, model->layout.last_bias_gradient), 0, (size_t)last_stride * sizeof(float));
    const float *dpooled = decode_backward(model, sets, output_gradient, gradient);
    for (int set = 0; set < sets; set += model->layout.tile_sets) {
        if (stop_requested())
            return;
        int count = sets - set < model->layout.tile_sets ? sets - set : model->layout.tile_sets;
        encode_tile_backward(model, set, count, pairs + (size_t)set * set_length, dpooled, gradient, set > 0);
    }
    finish_gradient(model, gradient);
}
