#include "spec/flat_workspace.h"

#include "spec/arena.h"

static const struct flat_span none = {.buffer = FLAT_NONE};

static int add_buffer(struct flat_workspace *workspace, int width)
{
    workspace->stride[workspace->buffers] = lanes_stride(width);
    return workspace->buffers++;
}

static void add_copy(struct flat_workspace *workspace, int buffer, int column)
{
    workspace->copy[workspace->copies++] = (struct flat_span){buffer, column, workspace->inputs};
}

// `weight`: index of the layer's weight in the tensor table. Layers are stored in the order of the calls.
static int add_layer(struct flat_workspace *workspace, int weight, struct flat_span in, struct flat_span dz)
{
    workspace->layer[workspace->layers] = (struct flat_layer){.weight = weight, .in = in, .dz = dz};
    return workspace->layers++;
}

static void add_forward(struct flat_workspace *workspace, int first, int layers, struct flat_span from,
                        struct flat_span to, bool relu)
{
    workspace->forward[workspace->forward_gemms++] =
        (struct flat_gemm){first, layers, from, to, relu ? to : none, NULL};
}

static void add_backward(struct flat_workspace *workspace, int first, int layers, struct flat_span from,
                         struct flat_span to, struct flat_span relu)
{
    workspace->backward[workspace->backward_gemms++] =
        (struct flat_gemm){first, layers, from, to, relu, NULL};
}

// Rows of activations are [activation, x] in x-linear, [activation] in linear. x-linear's backward GEMMs skip
// the columns that multiply the re-fed input: their gradient is not needed.
static void plan_linear(const struct model_spec *model, struct flat_workspace *workspace)
{
    const struct widths *hidden = &model->hidden;
    int refed = model->kind == MODEL_X_LINEAR ? workspace->inputs : 0;
    struct flat_span in = {add_buffer(workspace, workspace->inputs), 0, workspace->inputs};
    add_copy(workspace, in.buffer, 0);
    for (int i = 0; i <= hidden->count; i++) {
        bool last = i == hidden->count;
        int width = last ? model->outputs : hidden->width[i];
        int buffer = last ? FLAT_OUTPUT : add_buffer(workspace, width + refed);
        struct flat_span out = {buffer, 0, width};
        int layer = add_layer(workspace, 2 * i, in, out);
        add_forward(workspace, layer, 1, in, out, !last);
        if (!last && refed)
            add_copy(workspace, buffer, width);
        in = (struct flat_span){buffer, 0, width + refed};
    }
    for (int i = hidden->count; i > 0; i--) {
        struct flat_span h = {workspace->layer[i].in.buffer, 0, hidden->width[i - 1]};
        add_backward(workspace, i, 1, workspace->layer[i].dz, h, h);
    }
}

enum { BLOCKS = 2, BLOCK_LAYERS = 3 };

// Activations of a block are rows [u, h] with u = relu(main.0 h), its gradients [dz, du] with z = main.2 u +
// skip h. h is relu(z) of the previous block, or the output of the input layer in the first block.
static void plan_res_linear(const struct model_spec *model, struct flat_workspace *workspace)
{
    int w = model->hidden.width[0];
    struct flat_span x = {add_buffer(workspace, workspace->inputs), 0, workspace->inputs}, h[BLOCKS + 1];
    add_copy(workspace, x.buffer, 0);
    for (int i = 0; i <= BLOCKS; i++)
        h[i] = (struct flat_span){add_buffer(workspace, 2 * w), w, w};
    // The gradient at a block's output is stored in its dz, the gradient at the first block's input in the
    // last buffer.
    struct flat_span dinput = {h[BLOCKS].buffer, 0, w}, doutput = {FLAT_OUTPUT, 0, model->outputs};
    int input = add_layer(workspace, 0, x, dinput);
    add_forward(workspace, input, 1, x, h[0], false);
    for (int i = 0; i < BLOCKS; i++) {
        int buffer = h[i].buffer, weight = 2 + 2 * BLOCK_LAYERS * i; // main.0, main.2, skip
        struct flat_span u = {buffer, 0, w}, both = {buffer, 0, 2 * w}, dz = u, du = {buffer, w, w};
        int main_2 = add_layer(workspace, weight + 2, u, dz);
        add_layer(workspace, weight + 4, h[i], dz);
        int main_0 = add_layer(workspace, weight, h[i], du);
        add_forward(workspace, main_0, 1, h[i], u, true);
        add_forward(workspace, main_2, 2, both, h[i + 1], true);
    }
    int output = add_layer(workspace, 2 + 2 * BLOCK_LAYERS * BLOCKS, h[BLOCKS], doutput);
    add_forward(workspace, output, 1, h[BLOCKS], doutput, false);
    add_backward(workspace, output, 1, doutput, (struct flat_span){h[BLOCKS - 1].buffer, 0, w}, h[BLOCKS]);
    for (int i = BLOCKS - 1; i >= 0; i--) {
        int buffer = h[i].buffer, main_2 = 1 + BLOCK_LAYERS * i;
        struct flat_span u = {buffer, 0, w}, both = {buffer, 0, 2 * w}, dz = u, du = {buffer, w, w};
        add_backward(workspace, main_2, 1, dz, du, u);
        if (i > 0)
            add_backward(workspace, main_2 + 1, 2, both, (struct flat_span){h[i - 1].buffer, 0, w}, h[i]);
        else
            add_backward(workspace, main_2 + 1, 2, both, dinput, none);
    }
}

static void take_packed(struct arena *arena, struct flat_gemm *gemm, enum precision precision,
                        size_t *staging)
{
    size_t elements = (size_t)gemm->from.width * (size_t)gemm->to.width;
    gemm->packed =
        arena_elements(arena, 1, gemm_packed_elements(gemm->to.width, gemm->from.width), precision);
    *staging = elements > *staging ? elements : *staging;
}

size_t flat_workspace_plan(const struct model_spec *model, int sets, int shards, float *memory,
                           struct flat_workspace *workspace)
{
    struct arena arena = {.memory = memory};
    enum precision precision = model->precision;
    size_t rows = (size_t)sets * (size_t)shards, staging = 0;
    *workspace = (struct flat_workspace){.inputs = model->pairs * model->pair_width};
    if (model->kind == MODEL_RES_LINEAR)
        plan_res_linear(model, workspace);
    else
        plan_linear(model, workspace);
    for (int i = 0; i < workspace->forward_gemms; i++)
        take_packed(&arena, &workspace->forward[i], precision, &staging);
    for (int i = 0; i < workspace->backward_gemms; i++)
        take_packed(&arena, &workspace->backward[i], precision, &staging);
    workspace->staging = arena_elements(&arena, 1, staging, precision);
    for (int i = 0; i < workspace->buffers; i++)
        workspace->activation[i] = arena_elements(&arena, rows, (size_t)workspace->stride[i], precision);
    for (int i = 1; i < workspace->buffers; i++)
        workspace->gradient[i] = arena_elements(&arena, rows, (size_t)workspace->stride[i], precision);
    workspace->bias = arena_floats(&arena, 1, (size_t)model->hidden.width[0]); // of res-linear
    if (model->precision != PRECISION_FP32)
        workspace->output_gradient = arena_elements(&arena, rows, (size_t)model->outputs, precision);
    return arena.floats;
}

size_t flat_workspace_floats(const struct model_spec *model, int sets, int shards)
{
    return flat_workspace_plan(model, sets, shards, NULL, &(struct flat_workspace){0});
}
