#include "spec/deep_sets_workspace.h"

#include "spec/arena.h"

int deep_sets_set_layers(const struct model_spec *model)
{
    return model->decoder.count + 2;
}

int deep_sets_input_width(const struct model_spec *model, int k)
{
    if (k == 0)
        return widths_last(&model->encoder);
    return k == 1 ? model_decoder_width(model) : model->decoder.width[k - 2];
}

static int pooled_stride(const struct model_spec *model)
{
    if (model_pooling_method(model) == POOLS_SELECTED) // maxima, or the mean that is joined with them
        return lanes_stride(model_joins_poolings(model) ? widths_last(&model->encoder) : model->embed_dim);
    if (model_pooling_method(model) == POOLS_EMBEDDINGS) // moments, maxima
        return (2 + deep_sets_joins_max(model)) * lanes_stride(model->embed_dim);
    int rows = model_pooling_method(model) == POOLS_ATTENTION ? deep_sets_queries(model) : 1;
    return rows * lanes_stride(widths_last(&model->encoder));
}

int deep_sets_input_stride(const struct model_spec *model, int k)
{
    return k == 0 ? pooled_stride(model) : deep_sets_input_width(model, k);
}

bool deep_sets_keeps(const struct model_spec *model, int i)
{
    return i == model->encoder.count - 1 ? model_pooling_method(model) != POOLS_HIDDEN : i > 0;
}

static void take_weights(const struct tensor_table *table, enum precision precision,
                         struct deep_sets_workspace *workspace, struct arena *arena)
{
    size_t largest = 0;
    for (int layer = 1; layer < table->count / 2; layer++) {
        const struct tensor *weight = &table->tensors[2 * layer];
        size_t packed = gemm_packed_elements(weight->rows, weight->columns);
        workspace->forward_weight[layer] = arena_elements(arena, 1, packed, precision);
        workspace->backward_weight[layer] = arena_elements(arena, 1, packed, precision);
        largest = tensor_size(weight) > largest ? tensor_size(weight) : largest;
    }
    workspace->staging = arena_elements(arena, 1, largest, precision);
}

static void take_set_layers(const struct model_spec *model, size_t sets,
                            struct deep_sets_workspace *workspace, struct arena *arena)
{
    bool rounded = model->precision != PRECISION_FP32;
    int row = model->outputs;
    for (int k = 0; k < deep_sets_set_layers(model); k++) {
        int stride = deep_sets_input_stride(model, k);
        row = stride > row ? stride : row;
        workspace->set_input[k] = arena_floats(arena, sets, (size_t)stride);
        workspace->set_operand[k] =
            rounded ? arena_elements(arena, sets, (size_t)stride, model->precision) : workspace->set_input[k];
    }
    for (int i = 0; i < 2; i++)
        workspace->set_gradient[i] = arena_floats(arena, sets, (size_t)row);
    if (rounded)
        workspace->set_gradient_operand = arena_elements(arena, sets, (size_t)row, model->precision);
}

static void take_max(const struct model_spec *model, size_t sets, struct deep_sets_workspace *workspace,
                     struct arena *arena)
{
    size_t tile = (size_t)workspace->tile_sets, pairs = (size_t)model->pairs,
           width = (size_t)model->embed_dim;
    size_t stride = (size_t)lanes_stride(model->embed_dim),
           last = (size_t)lanes_stride(widths_last(&model->encoder));
    size_t rows = tile * (width < pairs ? width : pairs);
    struct widths middle = model->encoder;
    middle.count -= middle.count > 1;
    workspace->embedding = arena_elements(arena, tile * pairs, stride, model->precision);
    workspace->maxima = workspace->set_input[0];
    if (model_joins_poolings(model)) {
        workspace->maxima = arena_floats(arena, sets, stride);
        workspace->signs = arena_floats(arena, sets * (size_t)sum_pooling_words(model->pairs), last);
        workspace->mean = arena_floats(arena, sets, width);
    }
    workspace->argmax = arena_floats(arena, sets, stride);
    workspace->row = arena_floats(arena, rows, 1);
    workspace->first = arena_floats(arena, rows + 1, 1);
    workspace->column = arena_floats(arena, tile, width);
    workspace->count = arena_floats(arena, pairs + 1, 1);
    workspace->argmax_pairs = arena_floats(arena, tile * pairs, (size_t)model->pair_width);
    workspace->argmax_activation =
        arena_elements(arena, (size_t)model_round_rows((int)(tile * pairs), model->precision),
                       (size_t)lanes_stride(widths_max(&middle)), model->precision);
    workspace->last_weight = arena_elements(arena, width, last, model->precision);
    workspace->last_weight_gradient = arena_floats(arena, width, last);
}

static void take_attention(const struct model_spec *model, size_t sets, struct deep_sets_workspace *workspace,
                           struct arena *arena)
{
    size_t width = (size_t)model->embed_dim, in = (size_t)widths_last(&model->encoder);
    size_t last = (size_t)lanes_stride(widths_last(&model->encoder)),
           queries = (size_t)deep_sets_queries(model);
    size_t padded = (size_t)lanes_stride(model->pairs), rows = sets * (size_t)model->queries;
    workspace->query = arena_floats(arena, queries, last);
    workspace->query_gradient = arena_floats(arena, queries, last);
    workspace->key_query = arena_floats(arena, queries, width);
    workspace->key_query_gradient = arena_floats(arena, queries, width);
    workspace->value = arena_elements(arena, width, in, model->precision);
    size_t last_packed = gemm_packed_elements(model->embed_dim, widths_last(&model->encoder)),
           output_packed = gemm_packed_elements(model->embed_dim, model->embed_dim);
    workspace->last_packed = arena_elements(arena, 1, last_packed, model->precision);
    workspace->last_packed_fp32 =
        model->precision == PRECISION_FP32 ? workspace->last_packed : arena_floats(arena, 1, last_packed);
    workspace->output_forward = arena_elements(arena, 1, output_packed, model->precision);
    workspace->output_backward = arena_elements(arena, 1, output_packed, model->precision);
    workspace->value_bias = arena_floats(arena, width, 1);
    workspace->merged = arena_floats(arena, width, in);
    if (model->precision != PRECISION_FP32)
        workspace->rounded = arena_elements(arena, width, in + 2 * width, model->precision);
    workspace->weights = arena_floats(arena, sets * queries, padded);
    workspace->scratch = arena_floats(
        arena, 1, attention_pooling_scratch(model->pairs, (int)queries, (int)last, model->precision));
    for (int i = 0; i < 2; i++)
        workspace->heads[i] = arena_floats(arena, rows, width);
    workspace->heads_operand = model->precision == PRECISION_FP32
                                   ? workspace->heads[0]
                                   : arena_elements(arena, rows, width, model->precision);
}

size_t deep_sets_workspace_plan(const struct model_spec *model, int sets, int shards, float *memory,
                                struct deep_sets_workspace *workspace)
{
    struct arena buffers = {.memory = memory}, *arena = &buffers;
    const struct widths *encoder = &model->encoder;
    enum precision precision = model->precision;
    struct tensor_table table;
    model_tensors(model, &table);
    size_t first = (size_t)lanes_stride(encoder->width[0]);
    size_t last = (size_t)lanes_stride(widths_last(encoder));
    size_t all = (size_t)sets * (size_t)shards, pairs = (size_t)model->pairs;
    *workspace = (struct deep_sets_workspace){.tile_sets = model_tile_sets(model, sets)};
    size_t tile_pairs = (size_t)workspace->tile_sets * pairs;
    size_t tile_rows = (size_t)model_round_rows((int)tile_pairs, precision);

    take_weights(&table, precision, workspace, arena);
    workspace->first_weight = arena_floats(arena, (size_t)model->pair_width, first);
    workspace->first_bias = arena_floats(arena, 1, first);
    workspace->last_bias = arena_floats(arena, 1, last);
    workspace->first_gradient = arena_floats(arena, (size_t)model->pair_width + 1, first);
    workspace->last_bias_gradient = arena_floats(arena, 1, last);
    for (int i = 0; i < encoder->count; i++) {
        size_t rows = deep_sets_keeps(model, i) ? all * pairs + tile_rows - tile_pairs : tile_rows;
        workspace->activation[i] =
            arena_elements(arena, rows, (size_t)lanes_stride(encoder->width[i]), precision);
    }
    for (int i = 0; i < 2; i++)
        workspace->gradient[i] =
            arena_elements(arena, tile_rows, (size_t)lanes_stride(widths_max(encoder)), precision);
    workspace->recomputed_first = deep_sets_keeps(model, 0)
                                      ? arena_elements(arena, tile_rows, first, precision)
                                      : workspace->activation[0];
    take_set_layers(model, all, workspace, arena);
    switch (model_pooling_method(model)) {
    case POOLS_SELECTED:
        take_max(model, all, workspace, arena);
        break;
    case POOLS_EMBEDDINGS:
        workspace->embedding =
            arena_elements(arena, all * pairs, (size_t)lanes_stride(model->embed_dim), precision);
        if (deep_sets_joins_max(model))
            workspace->argmax = arena_floats(arena, all, (size_t)lanes_stride(model->embed_dim));
        break;
    case POOLS_ATTENTION:
        take_attention(model, all, workspace, arena);
        break;
    case POOLS_HIDDEN:
        workspace->signs = arena_floats(arena, all * (size_t)sum_pooling_words(model->pairs), last);
    }
    return arena->floats;
}

size_t deep_sets_workspace_floats(const struct model_spec *model, int sets, int shards)
{
    return deep_sets_workspace_plan(model, sets, shards, NULL, &(struct deep_sets_workspace){0});
}
