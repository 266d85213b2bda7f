#include "spec/model_spec.h"

#include "spec/deep_sets_workspace.h"
#include "spec/flat_workspace.h"
#include "spec/refined_workspace.h"

#include <assert.h>
#include <string.h>

// Max bytes of a tile's activations and gradients: with the weights they fit into 1 MiB of L2 cache.
enum { TILE_BYTES = 768 * 1024 };

size_t tensor_size(const struct tensor *tensor)
{
    return (size_t)tensor->rows * (size_t)(tensor->columns ? tensor->columns : 1);
}

static void add_tensor(struct tensor_table *table, const char *layer, const char *suffix, int rows,
                       int columns, int fan_in)
{
    assert(table->count < TENSORS_MAX);
    struct tensor *tensor = &table->tensors[table->count++];
    *tensor =
        (struct tensor){.rows = rows, .columns = columns, .fan_in = fan_in, .offset = table->parameters};
    stpcpy(stpcpy(tensor->name, layer), suffix); // not snprintf, which is slow for plans of 100,000 runs
    table->parameters += tensor_size(tensor);
}

static void add_dense(struct tensor_table *table, const char *layer, int out, int in)
{
    add_tensor(table, layer, ".weight", out, in, in);
    add_tensor(table, layer, ".bias", out, 0, in);
}

// Dense layers in -> widths -> out, named as in PyTorch's nn.Sequential with an activation between two
// layers.
static void add_stack(struct tensor_table *table, const char *prefix, int in, const struct widths *widths,
                      int out)
{
    for (int i = 0; i <= widths->count; i++) {
        int width = i < widths->count ? widths->width[i] : out;
        char layer[32], *end = stpcpy(layer, prefix);
        *end++ = '.';
        if (i >= 5)
            *end++ = '1';
        *end++ = (char)('0' + 2 * i % 10);
        *end = '\0';
        add_dense(table, layer, width, in);
        in = width;
    }
}

static int flat_inputs(const struct model_spec *model)
{
    return model->pairs * model->pair_width;
}

// linear and x-linear. x-linear feeds its input again to the layer after every hidden layer.
static void linear_tensors(const struct model_spec *model, struct tensor_table *table)
{
    int in = flat_inputs(model), refed = model->kind == MODEL_X_LINEAR ? in : 0;
    for (int i = 0; i < model->hidden.count; i++) {
        char layer[] = "layers.0";
        layer[sizeof layer - 2] = (char)('0' + i);
        add_dense(table, layer, model->hidden.width[i], in);
        in = model->hidden.width[i] + refed;
    }
    add_dense(table, "output", model->outputs, in);
}

static void res_linear_tensors(const struct model_spec *model, struct tensor_table *table)
{
    int width = model->hidden.width[0];
    add_dense(table, "input", width, flat_inputs(model));
    static const char *const blocks[] = {"blocks.0.main.0", "blocks.0.main.2", "blocks.0.skip",
                                         "blocks.1.main.0", "blocks.1.main.2", "blocks.1.skip"};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        add_dense(table, blocks[i], width, width);
    add_dense(table, "output", model->outputs, width);
}

// `first`: the stage's first tensor.
static void mark_hidden_matrices(struct tensor_table *table, int first)
{
    int last = table->count - 2; // the weight of the last layer; its bias follows
    for (int i = first; i < table->count; i++)
        table->tensors[i].hidden_matrix = table->tensors[i].columns > 0 && i != first && i != last;
}

static const struct {
    enum pooling_method method;
    int embeddings; // in the result
} poolings[POOLING_KINDS] = {
#define POOLING_ROW(NAME, word, code, method, embeddings, joins) [POOLING_##NAME] = {method, embeddings},
    POOLINGS(POOLING_ROW)};

enum pooling_method model_pooling_method(const struct model_spec *model)
{
    int list[JOINED_MAX], count = joined_list((int)model->pooling, list), selected = 0, hidden = 0;
    if (count == 1)
        return poolings[list[0]].method;
    for (int i = 0; i < count; i++) {
        selected += poolings[list[i]].method == POOLS_SELECTED;
        hidden += poolings[list[i]].method == POOLS_HIDDEN;
    }
    return selected == 1 && hidden == count - 1 ? POOLS_SELECTED : POOLS_EMBEDDINGS;
}

int model_pooling_embeddings(enum pooling_kind pooling)
{
    return poolings[pooling].embeddings;
}

int model_embedding_width(const struct model_spec *model)
{
    int list[JOINED_MAX], count = joined_list((int)model->pooling, list), embeddings = 0;
    for (int i = 0; i < count; i++)
        embeddings += poolings[list[i]].embeddings;
    return (embeddings ? embeddings : model->queries) * model->embed_dim;
}

int model_decoder_width(const struct model_spec *model)
{
    return model_embedding_width(model) + model->context;
}

// The keys have no bias: it would add the same value to all scores of a query, which softmax ignores.
static void add_attention(struct tensor_table *table, int queries, int width)
{
    add_tensor(table, "pooling", ".query", queries, width, width);
    add_tensor(table, "pooling.key", ".weight", width, width, width);
    add_dense(table, "pooling.value", width, width);
    add_dense(table, "pooling.output", width, width);
}

static bool attends(const struct model_spec *model)
{
    return model_reads_sets(model) && model_pooling_method(model) == POOLS_ATTENTION;
}

static void deep_sets_tensors(const struct model_spec *model, struct tensor_table *table)
{
    add_stack(table, "encoder.net", model->pair_width, &model->encoder, model->embed_dim);
    if (attends(model))
        add_attention(table, model->queries, model->embed_dim);
    add_stack(table, "decoder", model_decoder_width(model), &model->decoder, model->outputs);
}

static const struct {
    void (*tensors)(const struct model_spec *model, struct tensor_table *table);
    size_t (*workspace_floats)(const struct model_spec *model, int sets, int shards);
} models[MODEL_KINDS] = {
#define MODEL_ROW(NAME, word, network, reads_sets, tensors)                                                  \
    [MODEL_##NAME] = {tensors, network##_workspace_floats},
    MODELS(MODEL_ROW)};

static void add_stage(struct tensor_table *table, const struct model_spec *model, int stage)
{
    const struct model_spec network = model_stage(model, stage);
    const char prefix[] = {'s', 't', 'a', 'g', 'e', 's', '.', (char)('0' + stage), '.'};
    int first = table->count;
    models[network.kind].tensors(&network, table);
    mark_hidden_matrices(table, first);
    if (attends(&network)) // the queries are single vectors
        table->tensors[first + 2 * (network.encoder.count + 1)].hidden_matrix = false;
    for (int i = first; i < table->count && stage > 0; i++) {
        char *name = table->tensors[i].name;
        memmove(name + sizeof prefix, name, strlen(name) + 1);
        memcpy(name, prefix, sizeof prefix);
    }
}

void model_tensors(const struct model_spec *model, struct tensor_table *table)
{
    table->count = 0;
    table->parameters = 0;
    for (int stage = 0; stage < model_stages(model); stage++)
        add_stage(table, model, stage);
}

struct model_spec model_stage(const struct model_spec *model, int stage)
{
    struct model_spec network = *model;
    network.refinements = 0;
    if (stage > 0) {
        network.pair_width += model->generator.outputs + widths_sum(&model->generator.hidden);
        network.context = 2 * model->outputs;
    }
    return network;
}

size_t model_gradient_elements(const struct model_spec *model)
{
    struct tensor_table table;
    model_tensors(model, &table);
    if (!attends(model))
        return table.parameters;
    return table.parameters + (size_t)(model_stages(model) * model->queries * model->heads) *
                                  (size_t)widths_last(&model->encoder);
}

// The range begins at the encoder's last weight of the first stage and ends after the value weight of the
// last stage. The merged value bias has a gradient of its own, in place of that of the value bias.
size_t model_expanded_parameters(const struct model_spec *model, size_t *begin)
{
    struct tensor_table table;
    model_tensors(model, &table);
    int last = 2 * model->encoder.count, stages = model_stages(model);
    const struct tensor *value_bias = &table.tensors[table.count / stages * (stages - 1) + last + 5];
    *begin = 0;
    if (!attends(model))
        return 0;
    *begin = table.tensors[last].offset;
    return value_bias->offset - *begin;
}

static double multiply_adds(int in, const struct widths *widths)
{
    double sum = 0;
    for (int i = 0; i < widths->count; i++) {
        sum += (double)in * widths->width[i];
        in = widths->width[i];
    }
    return sum;
}

// Multiply-adds of a set's forward pass: per pair, and per set after pooling.
static void forward_multiply_adds(const struct model_spec *model, double *pair, double *set)
{
    double last = widths_last(&model->encoder), width = model->embed_dim;
    *pair = multiply_adds(model->pair_width, &model->encoder);
    *set = multiply_adds(model_decoder_width(model), &model->decoder) +
           (double)widths_last(&model->decoder) * model->outputs;
    switch (model_pooling_method(model)) {
    case POOLS_EMBEDDINGS:
    case POOLS_SELECTED:
        *pair += last * width;
        break;
    case POOLS_ATTENTION: // scores per pair; merged values and output weight per set
        *pair += (double)model->queries * model->heads * last;
        *set += model->queries * (last + width) * width;
        break;
    case POOLS_HIDDEN:
        *set += last * width;
    }
}

// A flat model's multiply-adds per set: of the forward pass, and of the gradient at the input, which the
// backward pass skips.
static void flat_multiply_adds(const struct model_spec *model, double *forward, double *input_gradient)
{
    struct tensor_table table;
    model_tensors(model, &table);
    *forward = *input_gradient = 0;
    for (int i = 0; i < table.count; i++) {
        const struct tensor *tensor = &table.tensors[i];
        *forward += (double)tensor->rows * tensor->columns;
        if (tensor->columns > 0 && (i == 0 || model->kind == MODEL_X_LINEAR))
            *input_gradient += (double)tensor->rows * flat_inputs(model);
    }
}

static double stage_forward_flops(const struct model_spec *model)
{
    if (!model_reads_sets(model)) {
        double forward, input_gradient;
        flat_multiply_adds(model, &forward, &input_gradient);
        return 2 * forward;
    }
    double pair, set;
    forward_multiply_adds(model, &pair, &set);
    return 2 * (pair * model->pairs + set);
}

static double stage_step_flops(const struct model_spec *model)
{
    if (!model_reads_sets(model)) {
        double forward, input_gradient;
        flat_multiply_adds(model, &forward, &input_gradient);
        return 2 * (3 * forward - input_gradient);
    }
    double pair, set;
    forward_multiply_adds(model, &pair, &set);
    double input_gradient =
        (double)model->pair_width * model->encoder.width[0]; // skipped by the backward pass
    return 2 * ((3 * pair - input_gradient) * model->pairs + 3 * set);
}

static double sum_stages(const struct model_spec *model, double (*flops)(const struct model_spec *stage))
{
    double sum = 0;
    for (int i = 0; i < model_stages(model); i++) {
        const struct model_spec stage = model_stage(model, i);
        sum += flops(&stage);
    }
    return sum;
}

double model_forward_flops(const struct model_spec *model)
{
    return sum_stages(model, stage_forward_flops);
}

double model_step_flops(const struct model_spec *model)
{
    return sum_stages(model, stage_step_flops);
}

int model_tile_sets(const struct model_spec *model, int sets)
{
    if (!model_reads_sets(model))
        return sets; // one row per set
    // Activations and gradients of every pair, in tiles of equal size.
    double elements = widths_sum(&model->encoder) + (model_embeds_pairs(model) ? model->embed_dim : 0);
    double bytes = 2.0 * (double)precision_bytes(model->precision) * elements * model->pairs * sets;
    double tiles = bytes / TILE_BYTES;
    int count = tiles >= sets ? sets : (int)tiles + 1;
    return (sets + count - 1) / count;
}

size_t model_workspace_bytes(const struct model_spec *model, int sets, int shards)
{
    size_t floats = model->refinements > 0 ? refined_workspace_floats(model, sets, shards) : 0;
    for (int i = 0; i < model_stages(model); i++) {
        const struct model_spec stage = model_stage(model, i);
        floats += models[stage.kind].workspace_floats(&stage, sets, shards);
    }
    return floats * sizeof(float);
}
