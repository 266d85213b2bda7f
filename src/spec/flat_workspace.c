#include "spec/flat_workspace.h"

#include "spec/buffer_sizes.h"

static const struct flat_span nothing = {.buffer = FLAT_NOTHING};

static int add_buffer(struct flat_workspace *layout, int width)
{
    layout->stride[layout->buffers] = lanes_stride(width);
    return layout->buffers++;
}

static void add_copy(struct flat_workspace *layout, int buffer, int column)
{
    layout->copy[layout->copies++] = (struct flat_span){buffer, column, layout->inputs};
}

// The layer of the table's next-but-`ahead` weight; operands stand in the order of the calls.
static int add_layer(struct flat_workspace *layout, int weight, struct flat_span in, struct flat_span dz)
{
    layout->layer[layout->layers] = (struct flat_layer){.weight = weight, .in = in, .dz = dz};
    return layout->layers++;
}

static void add_forward(struct flat_workspace *layout, int first, int layers, struct flat_span from,
                        struct flat_span to, bool relu)
{
    layout->forward[layout->forwards++] =
        (struct flat_product){first, layers, from, to, relu ? to : nothing, 0, 0};
}

static void add_backward(struct flat_workspace *layout, int first, int layers, struct flat_span from,
                         struct flat_span to, struct flat_span relu)
{
    layout->backward[layout->backwards++] = (struct flat_product){first, layers, from, to, relu, 0, 0};
}

// x-linear's rows are [activation, x], linear's the activation alone.
static void plan_linear(const struct model_spec *model, struct flat_workspace *layout)
{
    const struct widths *hidden = &model->hidden;
    int again = model->kind == MODEL_X_LINEAR ? layout->inputs : 0;
    struct flat_span in = {add_buffer(layout, layout->inputs), 0, layout->inputs};
    add_copy(layout, in.buffer, 0);
    for (int i = 0; i <= hidden->count; i++) {
        bool last = i == hidden->count;
        int width = last ? model->outputs : hidden->width[i];
        int buffer = last ? FLAT_OUTPUT : add_buffer(layout, width + again);
        struct flat_span out = {buffer, 0, width};
        int layer = add_layer(layout, 2 * i, in, out);
        add_forward(layout, layer, 1, in, out, !last);
        if (!last && again)
            add_copy(layout, buffer, width);
        in = (struct flat_span){buffer, 0, width + again};
    }
    for (int i = hidden->count; i > 0; i--) {
        struct flat_span h = {layout->layer[i].in.buffer, 0, hidden->width[i - 1]};
        add_backward(layout, i, 1, layout->layer[i].dz, h, h);
    }
}

enum { BLOCKS = 2, BLOCK_LAYERS = 3 };

// A block's activations are rows [u, h], u = relu(main.0 h), and its gradients [dz, du], where z = main.2 u +
// skip h. A block's h is relu(z) of the one before, and the input layer's output in the first.
static void plan_res_linear(const struct model_spec *model, struct flat_workspace *layout)
{
    int w = model->hidden.width[0];
    struct flat_span x = {add_buffer(layout, layout->inputs), 0, layout->inputs}, h[BLOCKS + 1];
    add_copy(layout, x.buffer, 0);
    for (int i = 0; i <= BLOCKS; i++)
        h[i] = (struct flat_span){add_buffer(layout, 2 * w), w, w};
    // The gradient at a block's output stands where the block keeps its dz; at the first block's input in the
    // last buffer.
    struct flat_span dinput = {h[BLOCKS].buffer, 0, w}, doutput = {FLAT_OUTPUT, 0, model->outputs};
    int input = add_layer(layout, 0, x, dinput);
    add_forward(layout, input, 1, x, h[0], false);
    for (int i = 0; i < BLOCKS; i++) {
        int buffer = h[i].buffer, weight = 2 + 2 * BLOCK_LAYERS * i; // main.0, main.2, skip
        struct flat_span u = {buffer, 0, w}, both = {buffer, 0, 2 * w}, dz = u, du = {buffer, w, w};
        int main_2 = add_layer(layout, weight + 2, u, dz);
        add_layer(layout, weight + 4, h[i], dz);
        int main_0 = add_layer(layout, weight, h[i], du);
        add_forward(layout, main_0, 1, h[i], u, true);
        add_forward(layout, main_2, 2, both, h[i + 1], true);
    }
    int output = add_layer(layout, 2 + 2 * BLOCK_LAYERS * BLOCKS, h[BLOCKS], doutput);
    add_forward(layout, output, 1, h[BLOCKS], doutput, false);
    add_backward(layout, output, 1, doutput, (struct flat_span){h[BLOCKS - 1].buffer, 0, w}, h[BLOCKS]);
    for (int i = BLOCKS - 1; i >= 0; i--) {
        int buffer = h[i].buffer, main_2 = 1 + BLOCK_LAYERS * i;
        struct flat_span u = {buffer, 0, w}, both = {buffer, 0, 2 * w}, dz = u, du = {buffer, w, w};
        add_backward(layout, main_2, 1, dz, du, u);
        if (i > 0)
            add_backward(layout, main_2 + 1, 2, both, (struct flat_span){h[i - 1].buffer, 0, w}, h[i]);
        else
            add_backward(layout, main_2 + 1, 2, both, dinput, nothing);
    }
}

// Room for so many numbers; what follows starts at whole lanes.
static size_t take(size_t *total, size_t numbers, size_t bytes)
{
    size_t at = *total, floats = (numbers * bytes + sizeof(float) - 1) / sizeof(float);
    *total += (floats + LANES - 1) / LANES * LANES;
    return at;
}

static void take_packed(size_t *total, struct flat_product *product, size_t bytes)
{
    product->packed = take(total, gemm_packed_elements(product->to.width, product->from.width), bytes);
}

int flat_backward_stride(const struct model_spec *model, const struct flat_product *product)
{
    return model->precision == PRECISION_FP32 ? lanes_stride(product->to.width) : product->to.width;
}

void flat_workspace_plan(const struct model_spec *model, int sets, int shards, struct flat_workspace *layout)
{
    struct tensor_table table;
    size_t total = 0, bytes = precision_bytes(model->precision), rows = (size_t)sets * (size_t)shards;
    size_t operands = 0, copies = 0;
    model_tensors(model, &table);
    *layout = (struct flat_workspace){.inputs = model->pairs * model->pair_width};
    if (model->kind == MODEL_RES_LINEAR)
        plan_res_linear(model, layout);
    else
        plan_linear(model, layout);
    for (int i = 0; i < layout->layers; i++) {
        layout->layer[i].operand = operands;
        operands += tensor_size(&table.tensors[layout->layer[i].weight]);
    }
    for (int i = 0; i < layout->backwards; i++) {
        struct flat_product *product = &layout->backward[i];
        product->copy = copies;
        copies += (size_t)product->from.width * (size_t)flat_backward_stride(model, product);
    }
    layout->forward_weights = take(&total, operands, bytes);
    layout->backward_weights = take(&total, copies, bytes);
    if (model->precision != PRECISION_FP32) {
        for (int i = 0; i < layout->forwards; i++)
            take_packed(&total, &layout->forward[i], bytes);
        for (int i = 0; i < layout->backwards; i++)
            take_packed(&total, &layout->backward[i], bytes);
    }
    for (int i = 0; i < layout->buffers; i++)
        layout->activation[i] = take(&total, rows * (size_t)layout->stride[i], bytes);
    for (int i = 1; i < layout->buffers; i++)
        layout->gradient[i] = take(&total, rows * (size_t)layout->stride[i], bytes);
    layout->bias = take(&total, (size_t)model->hidden.width[0], sizeof(float)); // res-linear's
    if (model->precision != PRECISION_FP32)
        layout->output_gradient = take(&total, rows * (size_t)model->outputs, bytes);
    layout->total = total;
}
