/* Deep sets (Zaheer et al., NeurIPS 2017): an encoder per pair, pooling over the pairs of a set, a decoder
 * per set. */
#include "model/deep_sets.h"

#include "base/stop.h"
#include "kernel/bias_relu.h"
#include "kernel/operand.h"
#include "kernel/small_k.h"
#include "model/pooling.h"
#include "model/set_layers.h"

#include <assert.h>
#include <string.h>

#define POOLING_ARITHMETIC(NAME, word, code, ...) [POOLING_##NAME] = &pooling_##code,
static const struct pooling *const poolings[POOLING_KINDS] = {POOLINGS(POOLING_ARITHMETIC)};

static const struct pooling *pooling_of(const struct stage *stage)
{
    if (!model_joins_poolings(&stage->spec))
        return poolings[stage->spec.pooling];
    return model_pooling_method(&stage->spec) == POOLS_SELECTED ? &pooling_joined : &pooling_moments;
}

static void prepare_first_layer(const struct stage *stage)
{
    const struct model_spec *d = &stage->spec;
    int width = d->encoder.width[0], stride = lanes_stride(width);
    const float *weight = stage->parameters + layer_weight(stage, 0)->offset; // [width, pair_width]
    float *transposed = plan_of(stage)->first_weight;
    for (int j = 0; j < width; j++)
        for (int k = 0; k < d->pair_width; k++)
            transposed[k * stride + j] = weight[j * d->pair_width + k];
    memcpy(plan_of(stage)->first_bias, stage->parameters + bias_offset(stage, 0),
           (size_t)width * sizeof(float));
}

// Attention merges the weights between the encoder's hidden layers and the decoder; no GEMM reads them
// unmerged.
static bool is_packed(const struct stage *stage, int layer)
{
    return model_pooling_method(&stage->spec) != POOLS_ATTENTION || layer < set_layers_index(stage, 0) ||
           layer >= set_layers_index(stage, 1);
}

// A pooling that selects pairs computes the backward pass of the encoder's last layer itself, over few rows
// and without a GEMM. If a linear one is joined with it, that has a GEMM after pooling.
static bool has_backward_gemm(const struct stage *stage, int layer)
{
    return model_pooling_method(&stage->spec) != POOLS_SELECTED || model_joins_poolings(&stage->spec) ||
           layer != set_layers_index(stage, 0);
}

static void pack_weight(const struct stage *stage, int layer)
{
    const struct tensor *weight = layer_weight(stage, layer); // [out, in]
    int out = weight->rows, in = weight->columns;
    enum precision precision = stage->spec.precision;
    const void *values = operand_rounded(stage->parameters + weight->offset, plan_of(stage)->staging,
                                         tensor_size(weight), precision);
    gemm_pack(precision, out, in, values, true, forward_weight(stage, layer));
    if (has_backward_gemm(stage, layer))
        gemm_pack(precision, in, out, values, false, backward_weight(stage, layer));
}

static void set_parameters(struct stage *stage)
{
    const struct model_spec *d = &stage->spec;
    const float *parameters = stage->parameters;
    int last = d->encoder.count - 1;
    prepare_first_layer(stage);
    if (last > 0 &&
        !pooling_of(stage)->reads_activation) // else last_bias stays zero: the layer adds its bias
        memcpy(plan_of(stage)->last_bias, parameters + bias_offset(stage, last),
               (size_t)d->encoder.width[last] * sizeof(float));
    for (int layer = 1; layer < stage->table.count / 2; layer++)
        if (is_packed(stage, layer))
            pack_weight(stage, layer);
    if (pooling_of(stage)->set_parameters)
        pooling_of(stage)->set_parameters(stage);
}

// ---- the encoder's hidden layers, over the pairs of a tile ----

void *deep_sets_activation(const struct stage *stage, int i, int set)
{
    const struct widths *encoder = &stage->spec.encoder;
    bool kept = deep_sets_keeps(&stage->spec, i); // for all sets
    size_t row = kept ? (size_t)set * (size_t)stage->spec.pairs : 0;
    return element_at(stage, plan_of(stage)->activation[i], row * (size_t)lanes_stride(encoder->width[i]));
}

void deep_sets_embed_pairs(const struct stage *stage, int set, int sets, void *embedding)
{
    const struct model_spec *d = &stage->spec;
    gemm_multiply(&(struct gemm){.types = to_activation(stage),
                                 .m = sets * d->pairs,
                                 .n = d->embed_dim,
                                 .k = widths_last(&d->encoder),
                                 .lda = last_hidden_stride(stage),
                                 .ldc = lanes_stride(d->embed_dim),
                                 .a = deep_sets_activation(stage, d->encoder.count - 1, set),
                                 .packed = forward_weight(stage, encoder_last_layer(stage)),
                                 .c = embedding});
}

static void first_layer(const struct stage *stage, const float *pairs, int rows, void *h)
{
    const struct model_spec *d = &stage->spec;
    small_k_relu_forward(h, pairs, plan_of(stage)->first_weight, plan_of(stage)->first_bias, rows,
                         d->pair_width, lanes_stride(d->encoder.width[0]), d->precision);
}

static void encode_tile(struct stage *stage, int set, int sets, const float *pairs)
{
    const struct model_spec *d = &stage->spec;
    int rows = sets * d->pairs, last = d->encoder.count - 1;
    first_layer(stage, pairs, rows, deep_sets_activation(stage, 0, set));
    for (int i = 1; i <= last; i++) {
        int in = d->encoder.width[i - 1], out = d->encoder.width[i];
        bool relu = i < last || pooling_of(stage)->reads_activation;
        gemm_multiply(&(struct gemm){.types = to_activation(stage),
                                     .m = rows,
                                     .n = out,
                                     .k = in,
                                     .lda = lanes_stride(in),
                                     .ldc = lanes_stride(out),
                                     .a = deep_sets_activation(stage, i - 1, set),
                                     .packed = forward_weight(stage, i),
                                     .c = deep_sets_activation(stage, i, set),
                                     .bias = relu ? stage->parameters + bias_offset(stage, i) : NULL,
                                     .relu = relu});
    }
    pooling_of(stage)->encode(stage, set, sets);
}

// Backward pass of the ReLU and the bias of a hidden layer between the first and the last.
static void middle_layer_backward(const struct stage *stage, int i, int rows, void *dh, const void *h,
                                  float *gradient, bool add)
{
    const struct model_spec *d = &stage->spec;
    int width = d->encoder.width[i], stride = lanes_stride(width);
    float *db = gradient + bias_offset(stage, i);
    if (!add)
        memset(db, 0, (size_t)width * sizeof(float));
    relu_backward(dh, h, rows, width, stride, d->precision);
    bias_gradient(db, dh, rows, width, stride, d->precision);
}

// Rows of a tile in the backward pass: all pairs, or the gathered pairs of `argmax`. Rows of zeros up to
// model_round_rows follow gathered pairs, whose number varies, which keeps the number of GEMM shapes small,
// and all pairs if GEMMs are faster with them.
struct rows {
    int count;
    const int32_t *argmax; // NULL: all pairs
    int gathered;          // rows before the zeros
};

static void clear_rest(const struct stage *stage, const struct rows *rows, void *matrix, int stride)
{
    size_t bytes = (size_t)stride * precision_bytes(stage->spec.precision);
    memset((char *)matrix + (size_t)rows->gathered * bytes, 0,
           (size_t)(rows->count - rows->gathered) * bytes);
}

static const float *gather_pairs(const struct stage *stage, const struct rows *rows, const float *pairs)
{
    size_t width = (size_t)stage->spec.pair_width;
    if (!rows->argmax)
        return pairs;
    float *to = plan_of(stage)->argmax_pairs;
    for (int r = 0; r < rows->gathered; r++)
        memcpy(to + (size_t)r * width, pairs + (size_t)rows->argmax[r] * width, width * sizeof(float));
    return to;
}

// Activations of hidden layer i, not the last, for `rows`. The added rows hold any finite values.
static const void *gather_activation(const struct stage *stage, const struct rows *rows, int i, int set)
{
    size_t bytes =
        (size_t)lanes_stride(stage->spec.encoder.width[i]) * precision_bytes(stage->spec.precision);
    if (i == 0)
        return plan_of(stage)->recomputed_first;
    const char *from = deep_sets_activation(stage, i, set);
    if (!rows->argmax)
        return from;
    char *to = (char *)plan_of(stage)->argmax_activation;
    for (int r = 0; r < rows->gathered; r++)
        memcpy(to + (size_t)r * bytes, from + (size_t)rows->argmax[r] * bytes, bytes);
    clear_rest(stage, rows, to, lanes_stride(stage->spec.encoder.width[i]));
    return to;
}

static struct rows pooled_rows(struct stage *stage, int set, int sets, void *dz, float *gradient)
{
    struct rows rows = {.argmax = NULL};
    rows.gathered = pooling_of(stage)->encode_backward(stage, set, sets, dz, gradient, &rows.argmax);
    rows.count = rows.argmax || gemm_prefers_blocks() ? model_round_rows(rows.gathered, stage->spec.precision)
                                                      : rows.gathered;
    clear_rest(stage, &rows, dz, last_hidden_stride(stage));
    return rows;
}

// Gradient of layer i's weight; h is the layer's input.
static void weight_gradient(const struct stage *stage, int i, int rows, const void *dz, const void *h,
                            float *gradient, bool add)
{
    int in = stage->spec.encoder.width[i - 1], out = stage->spec.encoder.width[i];
    gemm_multiply(&(struct gemm){.types = to_fp32(stage),
                                 .m = out,
                                 .n = in,
                                 .k = rows,
                                 .lda = lanes_stride(out),
                                 .ldb = lanes_stride(in),
                                 .a_transposed = true,
                                 .a = dz,
                                 .b = h,
                                 .c = gradient + layer_weight(stage, i)->offset,
                                 .add = add});
}

static float *first_gradient(const struct stage *stage)
{
    return plan_of(stage)->first_gradient;
}

static float *first_bias_gradient(const struct stage *stage)
{
    const struct model_spec *d = &stage->spec;
    return first_gradient(stage) + d->pair_width * lanes_stride(d->encoder.width[0]);
}

// Gradients of the encoder's hidden layers from a tile. add: add to the gradient of earlier tiles.
static void encode_tile_backward(struct stage *stage, int set, int sets, const float *pairs, float *gradient,
                                 bool add)
{
    const struct model_spec *d = &stage->spec;
    int last = d->encoder.count - 1, first_stride = lanes_stride(d->encoder.width[0]);
    void *dz = plan_of(stage)->gradient[0], *dh = plan_of(stage)->gradient[1];
    struct rows argmax = pooled_rows(stage, set, sets, dz, gradient);
    int rows = argmax.count;
    const float *x = gather_pairs(stage, &argmax, pairs);
    void *first = plan_of(stage)->recomputed_first; // later tiles have overwritten the activation
    first_layer(stage, x, argmax.gathered, first);
    clear_rest(stage, &argmax, first, first_stride);
    for (int i = last; i > 0; i--) {
        int in = d->encoder.width[i - 1], out = d->encoder.width[i];
        const void *h = gather_activation(stage, &argmax, i - 1, set);
        weight_gradient(stage, i, rows, dz, h, gradient, add);
        gemm_multiply(&(struct gemm){.types = to_activation(stage),
                                     .m = rows,
                                     .n = in,
                                     .k = out,
                                     .lda = lanes_stride(out),
                                     .ldc = lanes_stride(in),
                                     .a = dz,
                                     .packed = backward_weight(stage, i),
                                     .c = dh});
        if (i > 1)
            middle_layer_backward(stage, i - 1, rows, dh, h, gradient, add);
        void *swap = dz;
        dz = dh;
        dh = swap;
    }
    // With one hidden layer dz is already past that layer's ReLU; passing the ReLU twice changes nothing.
    small_k_relu_backward(first_gradient(stage), first_bias_gradient(stage), dz, first, x, argmax.gathered,
                          d->pair_width, first_stride, d->precision);
}

// ---- forward and backward ----

static int tile_from(const struct stage *stage, int set, int sets)
{
    int shard = shard_from(stage, set, sets), tile = plan_of(stage)->tile_sets;
    return shard < tile ? shard : tile;
}

// Inserts the context after each row of the pooled embedding, in place.
static void append_context(struct stage *stage, int sets)
{
    size_t embedding = (size_t)model_embedding_width(&stage->spec), context = (size_t)stage->spec.context;
    float *rows = plan_of(stage)->set_input[1];
    for (size_t set = (size_t)sets; set-- > 0 && context > 0;) {
        float *row = rows + set * (embedding + context);
        memmove(row, rows + set * embedding, embedding * sizeof *row);
        memcpy(row + embedding, stage->context + set * context, context * sizeof *row);
    }
}

// Removes the gradient at the context, which is a constant.
static void remove_context(struct stage *stage, int sets)
{
    size_t embedding = (size_t)model_embedding_width(&stage->spec), context = (size_t)stage->spec.context;
    float *rows = plan_of(stage)->set_gradient[1];
    for (size_t set = 1; set < (size_t)sets && context > 0; set++)
        memmove(rows + set * embedding, rows + set * (embedding + context), embedding * sizeof *rows);
}

static void decode(struct stage *stage, int sets, float *output)
{
    int layers = deep_sets_set_layers(&stage->spec);
    append_context(stage, sets);
    for (int k = 1; k < layers; k++)
        set_layers_forward(stage, k, sets, k + 1 < layers ? plan_of(stage)->set_input[k + 1] : output);
}

static void decode_backward(struct stage *stage, int sets, const float *output_gradient,
                            const struct model_gradients *gradients)
{
    const float *dz = output_gradient;
    for (int k = deep_sets_set_layers(&stage->spec) - 1; k > 0; k--)
        dz = set_layers_backward(stage, k, sets, dz, gradients);
    remove_context(stage, sets);
    pooling_of(stage)->embed_backward(stage, sets, plan_of(stage)->set_gradient[1], gradients);
}

static const float *pairs_of(const struct stage *stage, int set, const float *pairs)
{
    return pairs + (size_t)set * (size_t)stage->spec.pairs * (size_t)stage->spec.pair_width;
}

static void forward(struct stage *stage, int sets, const float *pairs, float *output)
{
    for (int set = 0, count; set < sets; set += count) {
        if (stop_requested())
            return;
        count = tile_from(stage, set, sets);
        encode_tile(stage, set, count, pairs_of(stage, set, pairs));
    }
    pooling_of(stage)->embed(stage, sets);
    decode(stage, sets, output);
}

// Copies the padded gradients of the first layer and of the last hidden layer's bias into the flat vector.
static void finish_gradient(const struct stage *stage, float *gradient)
{
    const struct model_spec *d = &stage->spec;
    int first = d->encoder.width[0], stride = lanes_stride(first), last = d->encoder.count - 1;
    const float *dw = plan_of(stage)->first_gradient;
    float *weight = gradient + layer_weight(stage, 0)->offset;
    for (int j = 0; j < first; j++)
        for (int k = 0; k < d->pair_width; k++)
            weight[j * d->pair_width + k] = dw[k * stride + j];
    memcpy(gradient + bias_offset(stage, 0), dw + d->pair_width * stride, (size_t)first * sizeof(float));
    if (last > 0)
        memcpy(gradient + bias_offset(stage, last), plan_of(stage)->last_bias_gradient,
               (size_t)d->encoder.width[last] * sizeof(float));
}

// Backward pass of the encoder for the sets [first, end) of a shard, after that of pooling and decoder.
static void encode_backward(struct stage *stage, int first, int end, const float *pairs, float *gradient)
{
    const struct model_spec *d = &stage->spec;
    int first_stride = lanes_stride(d->encoder.width[0]);
    memset(plan_of(stage)->first_gradient, 0,
           (size_t)(d->pair_width + 1) * (size_t)first_stride * sizeof(float));
    memset(plan_of(stage)->last_bias_gradient, 0, (size_t)last_hidden_stride(stage) * sizeof(float));
    for (int set = first, count; set < end && !stop_requested(); set += count) {
        count = tile_from(stage, set, end);
        encode_tile_backward(stage, set, count, pairs_of(stage, set, pairs), gradient, set > first);
    }
    finish_gradient(stage, gradient);
    if (pooling_of(stage)->finish)
        pooling_of(stage)->finish(stage, gradient);
}

static void backward(struct stage *stage, int sets, const float *pairs, const float *output_gradient,
                     const struct model_gradients *gradients)
{
    int after_pooling = set_layers_index(stage, model_embeds_pairs(&stage->spec) ? 1 : 0);
    size_t before = layer_weight(stage, after_pooling)->offset; // elements before the layers after pooling
    decode_backward(stage, sets, output_gradient, gradients);
    for (int set = 0, shard = 0, count; set < sets && !stop_requested(); set += count, shard++) {
        count = shard_from(stage, set, sets);
        encode_backward(stage, set, set + count, pairs, gradients->of(gradients->context, shard));
        gradients->finished(gradients->context, shard, 0, before);
        gradients->finished(gradients->context, shard, stage->merged_begin, stage->merged);
    }
}

static void expand_gradient(struct stage *stage, float *gradient)
{
    if (pooling_of(stage)->expand_gradient)
        pooling_of(stage)->expand_gradient(stage, gradient);
}

static size_t plan_workspace(struct stage *stage, int sets, int shards)
{
    assert(shards == 1 || model_batches_shards(&stage->spec));
    return deep_sets_workspace_plan(&stage->spec, sets, shards, stage->workspace, &stage->plan.deep_sets);
}

const struct network deep_sets_network = {.plan_workspace = plan_workspace,
                                          .set_parameters = set_parameters,
                                          .forward = forward,
                                          .backward = backward,
                                          .expand_gradient = expand_gradient};
