#include "model/layout.h"

#include "kernel/lanes.h"
#include "kernel/pooling.h"

// Room for rows x row numbers of four bytes each; what follows starts at whole lanes.
static size_t take(size_t *total, size_t rows, size_t row)
{
    size_t at = *total;
    *total += (rows * row + LANES - 1) / LANES * LANES;
    return at;
}

static size_t take_numbers(size_t *total, size_t rows, size_t row, enum precision precision)
{
    size_t bytes = rows * row * precision_bytes(precision);
    return take(total, 1, (bytes + sizeof(float) - 1) / sizeof(float));
}

static int widest(const struct widths *widths)
{
    int width = 0;
    for (int i = 0; i < widths->count; i++)
        if (widths->width[i] > width)
            width = widths->width[i];
    return width;
}

int deep_sets_set_layers(const struct model_description *model)
{
    return model->decoder.count + 2;
}

int deep_sets_input_width(const struct model_description *model, int k)
{
    if (k == 0)
        return model->encoder.width[model->encoder.count - 1];
    return k == 1 ? model->embed_dim : model->decoder.width[k - 2];
}

int deep_sets_input_stride(const struct model_description *model, int k)
{
    int width = deep_sets_input_width(model, k);
    return k == 0 ? lanes_stride(width) : width;
}

static void take_set_layers(const struct model_description *model, size_t sets,
                            struct deep_sets_layout *layout, size_t *total)
{
    bool rounded = model->precision != PRECISION_FP32;
    int row = model->outputs;
    for (int k = 0; k < deep_sets_set_layers(model); k++) {
        int stride = deep_sets_input_stride(model, k);
        row = stride > row ? stride : row;
        layout->set_input[k] = take(total, sets, (size_t)stride);
        layout->set_operand[k] =
            rounded ? take_numbers(total, sets, (size_t)stride, model->precision) : layout->set_input[k];
    }
    for (int i = 0; i < 2; i++)
        layout->set_gradient[i] = take(total, sets, (size_t)row);
    if (rounded)
        layout->set_gradient_operand = take_numbers(total, sets, (size_t)row, model->precision);
}

void deep_sets_layout(const struct model_description *model, int sets, struct deep_sets_layout *layout)
{
    const struct widths *encoder = &model->encoder;
    enum precision precision = model->precision;
    struct tensor_table table;
    model_tensors(model, &table);
    size_t first = (size_t)lanes_stride(encoder->width[0]);
    size_t last = (size_t)lanes_stride(encoder->width[encoder->count - 1]);
    size_t all = (size_t)sets, pairs = (size_t)model->pairs;
    *layout = (struct deep_sets_layout){.tile_sets = model_tile_sets(model, sets)};
    size_t tile_pairs = (size_t)layout->tile_sets * pairs;

    size_t total = 0;
    layout->forward_weights = take_numbers(&total, 1, table.parameters, precision);
    if (precision != PRECISION_FP32)
        layout->backward_weights = take_numbers(&total, 1, table.parameters, precision);
    layout->first_weight = take(&total, (size_t)model->pair_width, first);
    layout->first_bias = take(&total, 1, first);
    layout->last_bias = take(&total, 1, last);
    layout->first_gradient = take(&total, (size_t)model->pair_width + 1, first);
    layout->last_bias_gradient = take(&total, 1, last);
    for (int i = 0; i < encoder->count; i++) {
        bool kept = i > 0 && i < encoder->count - 1;
        size_t rows = kept ? all * pairs : tile_pairs;
        layout->activation[i] =
            take_numbers(&total, rows, (size_t)lanes_stride(encoder->width[i]), precision);
    }
    for (int i = 0; i < 2; i++)
        layout->gradient[i] =
            take_numbers(&total, tile_pairs, (size_t)lanes_stride(widest(encoder)), precision);
    layout->signs = take(&total, all * (size_t)pooling_words(model->pairs), last);
    take_set_layers(model, all, layout, &total);
    layout->total = total;
}

size_t model_workspace_bytes(const struct model_description *model, int sets)
{
    struct deep_sets_layout layout;
    deep_sets_layout(model, sets, &layout);
    return layout.total * sizeof(float);
}
