#include "model/layout.h"

#include "kernel/lanes.h"
#include "kernel/pooling.h"

static size_t take(size_t *total, size_t rows, size_t row)
{
    size_t at = *total;
    *total += rows * row;
    *total = (*total + LANES - 1) / LANES * LANES;
    return at;
}

static int widest(const struct widths *widths)
{
    int width = 0;
    for (int i = 0; i < widths->count; i++)
        if (widths->width[i] > width)
            width = widths->width[i];
    return width;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

void deep_sets_layout(const struct model_description *model, int sets, struct deep_sets_layout *layout)
{
    const struct widths *encoder = &model->encoder, *decoder = &model->decoder;
    size_t first = (size_t)lanes_stride(encoder->width[0]);
    size_t last = (size_t)lanes_stride(encoder->width[encoder->count - 1]);
    size_t all = (size_t)sets;
    layout->tile_sets = model_tile_sets(model, sets);
    size_t tile_pairs = (size_t)layout->tile_sets * (size_t)model->pairs;

    size_t total = 0;
    layout->first_weight = take(&total, (size_t)model->pair_width, first);
    layout->first_bias = take(&total, 1, first);
    layout->last_bias = take(&total, 1, last);
    layout->first_gradient = take(&total, (size_t)model->pair_width + 1, first);
    layout->last_bias_gradient = take(&total, 1, last);
    for (int i = 0; i < encoder->count; i++) {
        bool kept = i > 0 && i < encoder->count - 1;
        size_t rows = kept ? all * (size_t)model->pairs : tile_pairs;
        layout->activation[i] = take(&total, rows, (size_t)lanes_stride(encoder->width[i]));
    }
    for (int i = 0; i < 2; i++)
        layout->gradient[i] = take(&total, tile_pairs, (size_t)lanes_stride(widest(encoder)));
    layout->signs = take(&total, all * (size_t)pooling_words(model->pairs), last);
    layout->pooled = take(&total, all, last);
    layout->embedding = take(&total, all, (size_t)model->embed_dim);
    for (int i = 0; i < decoder->count; i++)
        layout->decoder[i] = take(&total, all, (size_t)decoder->width[i]);
    int row = larger(larger((int)last, model->embed_dim), widest(decoder));
    for (int i = 0; i < 2; i++)
        layout->set_gradient[i] = take(&total, all, (size_t)row);
    layout->total = total;
}

size_t model_workspace_bytes(const struct model_description *model, int sets)
{
    struct deep_sets_layout layout;
    deep_sets_layout(model, sets, &layout);
    return layout.total * sizeof(float);
}
