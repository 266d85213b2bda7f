// The model against a naive one in double: description, forward, gradient.
#include "model/model.h"

#include "base/memory.h"
#include "kernel/gemm.h"
#include "model_fixture.h"
#include "reference.h"
#include "task/task.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double forward_threshold = 1e-6;       // residual of fp32 outputs
static const double gradient_threshold = 2e-5;      // residual of fp32 gradients against central differences
static const double task_gradient_threshold = 1e-4; // the same where generators' errors cancel each other
static const double bf16_forward_threshold = 0.02;  // residuals of bf16 against fp32
static const double bf16_gradient_threshold = 0.15;

struct test_case {
    struct model_spec model;
    int sets;
    bool several_tiles;
};

// Shapes for every pooling: one to three hidden layers in the encoder, odd widths, pairs in one word of signs
// and in more.
static const struct test_case set_shapes[] = {
    {{.pair_width = 3,
      .pairs = 45,
      .embed_dim = 13,
      .encoder = {2, {20, 33}},
      .decoder = {1, {11}},
      .outputs = 15,
      .heads = 4,
      .queries = 1},
     50,
     true},
    {{.pair_width = 4,
      .pairs = 7,
      .embed_dim = 13,
      .encoder = {1, {17}},
      .decoder = {2, {8, 9}},
      .outputs = 5,
      .heads = 3,
      .queries = 4},
     900,
     true},
    {{.pair_width = 11,
      .pairs = 33,
      .embed_dim = 7,
      .encoder = {3, {24, 40, 19}},
      .decoder = {2, {8, 9}},
      .outputs = 15,
      .heads = 2,
      .queries = 3},
     61,
     true},
};

// Shapes for every model that reads rows.
static const struct test_case row_shapes[] = {
    {{.pair_width = 3, .pairs = 7, .hidden = {3, {19, 24, 17}}, .outputs = 5}, 50, false},
    {{.pair_width = 4, .pairs = 1, .hidden = {1, {9}}, .outputs = 1}, 7, false},
    {{.pair_width = 19, .pairs = 1, .hidden = {2, {32, 8}}, .outputs = 1}, 64, false},
};

// Shapes of one pooling: all sets in one tile; a pair so wide that the first layer's gradient is gathered in
// memory.
static const struct test_case mean_shapes[] = {
    {{MODEL_DEEP_SETS, POOLING_SUM, 3, 20, 13, {2, {20, 33}}, {1, {11}}, .outputs = 15}, 50, false},
    {{MODEL_DEEP_SETS, POOLING_MEAN, 17, 1, 16, {2, {16, 5}}, {1, {11}}, .outputs = 6}, 9, false},
};

#define WORD(NAME, word, ...) word,
static const char *const model_words[] = {MODELS(WORD)}, *const pooling_words[] = {POOLINGS(WORD)};
static struct test_case cases[64];
static int case_count;

static void add_case(const struct test_case *shape, enum model_kind kind, enum pooling_kind pooling)
{
    assert_true(case_count < (int)(sizeof cases / sizeof *cases));
    struct test_case *added = &cases[case_count++];
    *added = *shape;
    added->model.kind = kind;
    added->model.pooling = pooling;
    if (model_pooling_method(&added->model) == POOLS_ATTENTION) // heads divide the embedding
        added->model.embed_dim += added->model.heads - shape->model.embed_dim % shape->model.heads;
}

// Every model and pooling on every shape, or the one model or pooling whose word is `only`.
static void list_cases(const char *only)
{
    for (enum pooling_kind pooling = 0; pooling < POOLING_KINDS; pooling++)
        for (size_t i = 0; i < sizeof set_shapes / sizeof *set_shapes; i++)
            if (!only || strcmp(only, pooling_words[pooling]) == 0)
                add_case(&set_shapes[i], MODEL_DEEP_SETS, pooling);
    for (enum model_kind kind = 0; kind < MODEL_KINDS; kind++)
        for (size_t i = 0; i < sizeof row_shapes / sizeof *row_shapes; i++)
            if (!(MODELS_OF_SETS & 1u << kind) && (!only || strcmp(only, model_words[kind]) == 0))
                add_case(&row_shapes[i], kind, 0);
    for (size_t i = 0; i < sizeof mean_shapes / sizeof *mean_shapes && !only; i++)
        add_case(&mean_shapes[i], MODEL_DEEP_SETS, mean_shapes[i].model.pooling);
}

static enum pooling_kind joined(const enum pooling_kind *list, int count)
{
    int code = 0;
    for (int i = 0; i < count; i++)
        code = joined_add(code, i, (int)list[i]);
    return (enum pooling_kind)code;
}

// Joined poolings: max with mean, sum with max, without max, and all that can be joined.
static void list_joined_cases(void)
{
    static const enum pooling_kind all[] = {POOLING_MOMENTS, POOLING_SUM, POOLING_MAX, POOLING_MEAN};
    add_case(&set_shapes[0], MODEL_DEEP_SETS, joined(all + 2, 2));
    add_case(&set_shapes[1], MODEL_DEEP_SETS, joined(all + 1, 2));
    add_case(&set_shapes[1], MODEL_DEEP_SETS, joined(all, 2));
    add_case(&set_shapes[2], MODEL_DEEP_SETS, joined(all, 4));
}

// The predictor of the original experiment at 15 unknowns, 45 equations.
static const struct model_spec seed = {
    MODEL_DEEP_SETS, POOLING_MEAN, 3, 45, 128, {2, {128, 256}}, {2, {256, 128}}, .outputs = 15,
};

// ---- description ----

static void test_tensors_are_pytorchs(void **state)
{
    (void)state;
    static const struct tensor expected[] = {
        {"encoder.net.0.weight", 128, 3, .fan_in = 3},
        {"encoder.net.0.bias", 128, 0, .fan_in = 3},
        {"encoder.net.2.weight", 256, 128, .fan_in = 128, .hidden_matrix = true},
        {"encoder.net.2.bias", 256, 0, .fan_in = 128},
        {"encoder.net.4.weight", 128, 256, .fan_in = 256, .hidden_matrix = true},
        {"encoder.net.4.bias", 128, 0, .fan_in = 256},
        {"decoder.0.weight", 256, 128, .fan_in = 128, .hidden_matrix = true},
        {"decoder.0.bias", 256, 0, .fan_in = 128},
        {"decoder.2.weight", 128, 256, .fan_in = 256, .hidden_matrix = true},
        {"decoder.2.bias", 128, 0, .fan_in = 256},
        {"decoder.4.weight", 15, 128, .fan_in = 128},
        {"decoder.4.bias", 15, 0, .fan_in = 128},
    };
    struct tensor_table table;
    model_tensors(&seed, &table);
    size_t offset = 0;
    assert_int_equal(table.count, sizeof expected / sizeof *expected);
    for (int i = 0; i < table.count; i++) {
        const struct tensor *got = &table.tensors[i], *want = &expected[i];
        assert_string_equal(got->name, want->name);
        assert_int_equal(got->rows, want->rows);
        assert_int_equal(got->columns, want->columns);
        assert_int_equal(got->fan_in, want->fan_in);
        assert_int_equal(got->hidden_matrix, want->hidden_matrix);
        assert_int_equal(got->offset, offset);
        offset += (size_t)(want->rows * (want->columns ? want->columns : 1));
    }
    assert_int_equal(table.parameters, offset);
    assert_int_equal(table.parameters, 134287);
}

static void test_names_of_deep_stacks(void **state)
{
    (void)state;
    struct model_spec deep = seed;
    struct tensor_table table;
    deep.encoder = deep.decoder = (struct widths){WIDTHS_MAX, {4, 4, 4, 4, 4, 4, 4, 4}};
    model_tensors(&deep, &table);
    assert_int_equal(table.count, 4 * (WIDTHS_MAX + 1));
    for (int i = 0; i < table.count; i++) {
        char name[sizeof table.tensors[i].name];
        int layer = i / 2;
        bool encoder = layer <= WIDTHS_MAX;
        snprintf(name, sizeof name, "%s.%d.%s", encoder ? "encoder.net" : "decoder",
                 2 * (encoder ? layer : layer - WIDTHS_MAX - 1), i % 2 ? "bias" : "weight");
        assert_string_equal(table.tensors[i].name, name);
    }
}

static void test_tensors_of_poolings(void **state)
{
    (void)state;
    static const struct tensor attention[] = {
        {"pooling.query", 8, 128, .fan_in = 128},
        {"pooling.key.weight", 128, 128, .fan_in = 128, .hidden_matrix = true},
        {"pooling.value.weight", 128, 128, .fan_in = 128, .hidden_matrix = true},
        {"pooling.value.bias", 128, 0, .fan_in = 128},
        {"pooling.output.weight", 128, 128, .fan_in = 128, .hidden_matrix = true},
        {"pooling.output.bias", 128, 0, .fan_in = 128},
        {"decoder.0.weight", 256, 1024, .fan_in = 1024, .hidden_matrix = true},
    };
    struct model_spec model = seed;
    struct tensor_table table;
    model.pooling = POOLING_MOMENTS;
    model_tensors(&model, &table);
    assert_int_equal(reference_tensor(&table, "decoder.0.weight")->columns, 256);
    model.pooling = POOLING_MAX;
    model_tensors(&model, &table);
    assert_int_equal(table.parameters, 134287);
    model.pooling = joined((enum pooling_kind[]){POOLING_MAX, POOLING_MOMENTS}, 2);
    model_tensors(&model, &table);
    assert_int_equal(reference_tensor(&table, "decoder.0.weight")->columns, 3 * 128);
    model.pooling = POOLING_ATTENTION;
    model.heads = model.queries = 8;
    model_tensors(&model, &table);
    for (size_t i = 0; i < sizeof attention / sizeof *attention; i++) {
        const struct tensor *got = reference_tensor(&table, attention[i].name);
        assert_int_equal(got->rows, attention[i].rows);
        assert_int_equal(got->columns, attention[i].columns);
        assert_int_equal(got->fan_in, attention[i].fan_in);
        assert_int_equal(got->hidden_matrix, attention[i].hidden_matrix);
    }
}

static void test_flops_are_the_needed_ones(void **state)
{
    (void)state;
    int per_set = 3 * 128 * 256 + 128 * 15; // encoder.net.4 after pooling, decoder
    assert_true(model_forward_flops(&seed) == 2 * (45 * (3 * 128 + 128 * 256) + per_set));
    assert_true(model_step_flops(&seed) == 2 * (45 * 99072.0 + 3 * per_set));

    struct model_spec every = seed, attention = seed;
    int decoder = 2 * 128 * 256 + 128 * 15;
    every.pooling = POOLING_MAX;
    assert_true(model_step_flops(&every) == 2 * (45 * 197376.0 + 3 * decoder));
    every.pooling = POOLING_MOMENTS;
    assert_true(model_step_flops(&every) == 2 * (45 * 197376.0 + 3 * (decoder + 128 * 256)));
    every.pooling = joined((enum pooling_kind[]){POOLING_MAX, POOLING_MEAN}, 2);
    assert_true(model_step_flops(&every) == 2 * (45 * 197376.0 + 3 * (decoder + 128 * 256)));
    attention.pooling = POOLING_ATTENTION;
    attention.heads = 4;
    attention.queries = 1;
    int scores = 4 * 256, after = (256 + 128) * 128; // merged values, output
    assert_true(model_step_flops(&attention) == 2 * (45 * (99072.0 + 3 * scores) + 3 * (decoder + after)));
}

// A tile stays in cache, up to a set, and is not half as large as it might be.
static void test_tiles(void **state)
{
    (void)state;
    const double cache = 768 * 1024, set_bytes = 8.0 * (128 + 256) * 45; // activations and gradients
    for (int sets = 1; sets <= 300; sets++) {
        int tile = model_tile_sets(&seed, sets);
        assert_in_range(tile, 1, sets);
        assert_true((tile - 1) * set_bytes < cache);
        assert_true(tile == sets || 2 * tile * set_bytes >= cache);
    }
    struct model_spec long_sets = seed;
    long_sets.pairs = 1 << 20;
    assert_int_equal(model_tile_sets(&long_sets, 64), 1);
}

static void expect_weights(const struct model_spec *model, const char *const names[], const int shapes[][2],
                           int layers)
{
    struct tensor_table table;
    size_t parameters = 0;
    model_tensors(model, &table);
    assert_int_equal(table.count, 2 * layers);
    for (int i = 0; i < layers; i++) {
        const struct tensor *weight = &table.tensors[2 * i], *bias = weight + 1;
        char name[sizeof weight->name];
        snprintf(name, sizeof name, "%s.weight", names[i]);
        assert_string_equal(weight->name, name);
        snprintf(name, sizeof name, "%s.bias", names[i]);
        assert_string_equal(bias->name, name);
        assert_int_equal(weight->rows, shapes[i][0]);
        assert_int_equal(weight->columns, shapes[i][1]);
        assert_int_equal(weight->fan_in, shapes[i][1]);
        assert_int_equal(bias->fan_in, shapes[i][1]);
        assert_int_equal(weight->hidden_matrix, i > 0 && i < layers - 1);
        parameters += (size_t)(shapes[i][0] * shapes[i][1] + shapes[i][0]);
    }
    assert_int_equal(table.parameters, parameters);
}

static void test_tensors_of_flat_models(void **state)
{
    (void)state;
    static const char *const layers[] = {"layers.0", "layers.1", "output"};
    static const char *const blocks[] = {"input",         "blocks.0.main.0", "blocks.0.main.2",
                                         "blocks.0.skip", "blocks.1.main.0", "blocks.1.main.2",
                                         "blocks.1.skip", "output"};
    static const int linear[][2] = {{9, 6}, {8, 9}, {5, 8}}, x_linear[][2] = {{9, 6}, {8, 15}, {5, 14}},
                     res[][2] = {{9, 6}, {9, 9}, {9, 9}, {9, 9}, {9, 9}, {9, 9}, {9, 9}, {5, 9}};
    struct model_spec flat = {.pair_width = 3, .pairs = 2, .hidden = {2, {9, 8}}, .outputs = 5};
    flat.kind = MODEL_LINEAR;
    expect_weights(&flat, layers, linear, 3);
    assert_true(model_forward_flops(&flat) == 2 * (54 + 72 + 40));
    assert_true(model_step_flops(&flat) == 2 * (3 * (54 + 72 + 40) - 54));
    flat.kind = MODEL_X_LINEAR;
    expect_weights(&flat, layers, x_linear, 3);
    assert_true(model_step_flops(&flat) == 2 * (3 * (54 + 120 + 70) - (54 + 48 + 30)));
    flat.kind = MODEL_RES_LINEAR;
    expect_weights(&flat, blocks, res, 8);
    assert_true(model_step_flops(&flat) == 2 * (3 * (54 + 6 * 81 + 45) - 54));
}

static void test_initialisation(void **state)
{
    (void)state;
    struct model *model;
    assert_int_equal(model_create(&seed, 1, 1, &model), STATUS_OK);
    const struct tensor_table *table = model_table(model);
    float *p = reference_floats(table->parameters), *other = reference_floats(table->parameters);
    model_initialise(model, 1, p);
    model_initialise(model, 2, other);
    for (int i = 0; i < table->count; i++) {
        const struct tensor *tensor = &table->tensors[i];
        double bound = 1 / sqrt(tensor->fan_in), largest = 0, sum = 0;
        size_t size = tensor_size(tensor);
        for (size_t k = 0; k < size; k++) {
            double value = (double)p[tensor->offset + k];
            largest = fmax(largest, fabs(value));
            sum += value;
        }
        assert_true(largest < bound && largest > 0.8 * bound);
        assert_true(fabs(sum / (double)size) < 5 * bound / sqrt(3 * (double)size));
        assert_true(p[tensor->offset] != other[tensor->offset]);
        assert_true(i == 0 || p[tensor->offset] / bound != p[table->tensors[i - 1].offset]);
    }
    memory_free((void **)&p);
    memory_free((void **)&other);
    model_destroy(&model);
}

// ---- forward and backward ----

static void test_forward_and_gradient(void **state)
{
    (void)state;
    for (int i = 0; i < case_count; i++) {
        struct model_fixture f;
        model_fixture_init(&f, &cases[i].model, cases[i].sets, 1);
        assert_int_equal(model_tile_sets(&f.spec, f.sets) < f.sets, cases[i].several_tiles);
        model_forward(f.model, f.sets, f.pairs, f.output);
        model_fixture_linear_loss(&f, NULL);
        assert_close(f.output, f.output_wide, f.outputs, forward_threshold);
        for (size_t k = 0; k < f.gradient_elements; k++)
            f.gradient[k] = NAN; // written, not added to
        model_fixture_backward(&f);
        model_fixture_check_gradient(&f, 0, model_fixture_linear_loss, NULL, gradient_threshold);
        model_fixture_free(&f);
    }
}

enum { TOGETHER = 4 };

/* Gradients of shards side by side, and how often each number of them was finished. The model writes all of
 * them to one vector. */
struct shards {
    size_t count;    // numbers of a gradient
    float *shared;   // [count]
    float *gradient; // [shards, count]
    int *times;      // likewise
};

static float *shared_gradient(void *context, int shard)
{
    (void)shard;
    return ((struct shards *)context)->shared;
}

static void shard_finished(void *context, int shard, size_t begin, size_t count)
{
    const struct shards *shards = context;
    size_t start = (size_t)shard * shards->count;
    int *times = shards->times + start;
    memcpy(shards->gradient + start + begin, shards->shared + begin, count * sizeof(float));
    for (size_t i = begin; i < begin + count; i++) {
        assert_true(shard == 0 || *(times + i - shards->count) == 1); // in order
        times[i]++;
        shards->shared[i] = NAN; // the next one's anew
    }
}

// Each shard comes to the same bits as alone, by what it has finished alone.
static void check_shards(const struct model_spec *description, int sets, int together)
{
    struct model_fixture all, alone;
    model_fixture_init(&all, description, sets, together);
    model_fixture_init(&alone, description, sets, 1);
    size_t count = model_gradient_elements(description), numbers = (size_t)together * count;
    struct shards shards = {count, reference_floats(count), reference_floats(numbers),
                            memory_small(numbers * sizeof(int))};
    const struct model_gradients gradients = {shared_gradient, shard_finished, &shards};
    for (size_t i = 0; i < numbers; i++)
        shards.gradient[i] = NAN;
    model_forward(all.model, all.sets, all.pairs, all.output);
    model_backward(all.model, all.sets, all.pairs, all.output_gradient, &gradients);
    size_t begin, expanded = model_expanded_parameters(description, &begin);
    for (size_t i = 0; i < numbers; i++) // once, or made of the sum
        assert_true(shards.times[i] == 1 ||
                    (shards.times[i] == 0 && i % count >= begin && i % count < begin + expanded));
    for (size_t shard = 0; shard < (size_t)together; shard++) {
        memcpy(alone.pairs, all.pairs + shard * alone.elements, alone.elements * sizeof(float));
        memcpy(alone.output_gradient, all.output_gradient + shard * alone.outputs,
               alone.outputs * sizeof(float));
        model_fixture_run(&alone);
        assert_memory_equal(alone.output, all.output + shard * alone.outputs, alone.outputs * sizeof(float));
        model_expand_gradient(all.model, shards.gradient + shard * count);
        assert_memory_equal(alone.gradient, shards.gradient + shard * count,
                            alone.parameters * sizeof(float));
    }
    memory_free((void **)&shards.shared);
    memory_free((void **)&shards.gradient);
    free(shards.times);
    model_fixture_free(&all);
    model_fixture_free(&alone);
}

static void test_shards_together(void **state)
{
    (void)state;
    for (int i = 0; i < case_count; i++)
        for (enum precision precision = PRECISION_FP32; precision <= PRECISION_BF16; precision++) {
            struct model_spec description = cases[i].model;
            description.precision = precision;
            check_shards(&description, cases[i].sets, model_batches_shards(&description) ? TOGETHER : 1);
        }
}

// Whether the gradient in bf16 may be that of other pairs, since rounding changes which are selected. The
// maxima of these cases are far enough from other embeddings.
static bool may_select_others(const struct model_spec *model)
{
    return model_pooling_method(model) == POOLS_SELECTED &&
           !(joined_bits((int)model->pooling) & 1u << POOLING_MAX);
}

// Rounded operands and activations change results by a few of bfloat16's eight bits, and no more.
static void test_bf16_is_near(void **state)
{
    (void)state;
    for (int i = 0; i < case_count; i++) {
        struct model_spec rounded = cases[i].model;
        struct model_fixture fp32, bf16;
        rounded.precision = PRECISION_BF16;
        model_fixture_init(&fp32, &cases[i].model, cases[i].sets, 1);
        model_fixture_init(&bf16, &rounded, cases[i].sets, 1);
        model_fixture_run(&fp32);
        model_fixture_run(&bf16);
        model_fixture_expect_near(bf16.output, fp32.output, fp32.outputs, bf16_forward_threshold);
        for (int t = 0; t < model_table(fp32.model)->count && !may_select_others(&rounded); t++) {
            const struct tensor *tensor = &model_table(fp32.model)->tensors[t];
            model_fixture_expect_near(bf16.gradient + tensor->offset, fp32.gradient + tensor->offset,
                                      tensor_size(tensor), bf16_gradient_threshold);
        }
        assert_memory_not_equal(bf16.output, fp32.output, fp32.outputs * sizeof(float));
        model_fixture_free(&fp32);
        model_fixture_free(&bf16);
    }
}

static double task_loss_of(struct model_fixture *f, const void *batch)
{
    reference_model(&f->spec, f->p_wide, f->sets, f->pairs, f->output_wide);
    return reference_loss(batch, f->output_wide) / f->sets;
}

// As it starts, a model's answers hardly depend on the pairs, and differences would be rounding.
static void enlarge(struct model_fixture *f)
{
    for (size_t i = 0; i < f->parameters; i++)
        f->p_wide[i] = (double)(f->p[i] *= 1.5f);
    model_set_parameters(f->model, f->p);
}

// Everything between a generator's random numbers and the gradient of the parameters.
static void check_gradient_of_task(struct model_spec model, const struct task_spec *learned)
{
    enum { SETS = 50 };
    struct model_fixture f;
    struct reference_batch batch;
    struct task *task;
    model.pair_width = task_pair_width(learned);
    model.pairs = learned->equations;
    model.outputs = task_outputs(learned);
    model_fixture_init(&f, &model, SETS, 1);
    enlarge(&f);
    reference_batch_init(&batch, learned, TASK_TRAIN, 8, 9, 10, f.sets);
    assert_int_equal(task_create(learned, f.sets, &task), STATUS_OK);
    task_fill(task, TASK_TRAIN, 8, 9, 10, f.sets);
    memcpy(f.pairs, task_pairs(task), f.elements * sizeof(float));
    model_forward(f.model, f.sets, f.pairs, f.output);
    double sum, want;
    task_loss(task, f.output, 1.0f / (float)f.sets, f.sets, &sum, f.output_gradient);
    float loss = (float)sum / (float)f.sets;
    want = task_loss_of(&f, &batch);
    assert_close(&loss, &want, 1, forward_threshold);
    model_fixture_backward(&f);
    model_fixture_check_gradient(&f, 0, task_loss_of, &batch, task_gradient_threshold);
    task_destroy(&task);
    reference_batch_free(&batch);
    model_fixture_free(&f);
}

// Every model and pooling on every task, objective and activation of the generators.
static void test_gradient_of_every_task(void **state)
{
    (void)state;
    static const struct task_spec tasks[] = {
        {TASK_MLP_FORWARD, {2, {1, {5}}, 1, ACTIVATION_RELU, INIT_LECUN}, 1, .eval_points = 1},
        {TASK_LINEAR_INVERSE, {4, {0}, 1, ACTIVATION_RELU, INIT_NORMAL}, 6, .eval_points = 1},
        {TASK_MLP_INVERSE, {2, {1, {5}}, 1, ACTIVATION_RELU, INIT_LECUN}, 9, .eval_points = 3},
        {TASK_MLP_INVERSE, {2, {1, {5}}, 1, ACTIVATION_LEAKY_RELU, INIT_NORMAL}, 9, .eval_points = 3},
        {TASK_MLP_INVERSE, {2, {2, {3, 4}}, 2, ACTIVATION_TANH, INIT_LECUN}, 9, .eval_points = 3},
        {TASK_MLP_INVERSE, {3, {1, {4}}, 1, ACTIVATION_GELU, INIT_NORMAL}, 9, .eval_points = 1},
        {TASK_MLP_INVERSE,
         {2, {1, {5}}, 1, ACTIVATION_RELU, INIT_LECUN},
         9,
         .eval_points = 1,
         .objective = OBJECTIVE_WEIGHTS},
    };
    struct model_spec model = {.embed_dim = 12,
                               .encoder = {2, {20, 33}},
                               .decoder = {1, {11}},
                               .hidden = {2, {24, 19}},
                               .heads = 4,
                               .queries = 2};
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        for (model.kind = 0; model.kind < MODEL_KINDS; model.kind++)
            if (!model_reads_sets(&model))
                check_gradient_of_task(model, &tasks[i]);
        model.kind = MODEL_DEEP_SETS;
        for (model.pooling = 0; model.pooling < POOLING_KINDS; model.pooling++)
            if (task_reads_pairs(&tasks[i]))
                check_gradient_of_task(model, &tasks[i]);
    }
}

// A model with a workspace for larger sets, applied to smaller sets, down to a single pair.
static void test_smaller_sets(void **state)
{
    (void)state;
    for (int i = 0; i < case_count; i++) {
        const int sizes[] = {1, cases[i].model.pairs / 3};
        for (int k = 0; k < 2 && model_reads_sets(&cases[i].model) && sizes[1] > 0; k++) {
            struct model_fixture f;
            model_fixture_init(&f, &cases[i].model, cases[i].sets, 1);
            model_fixture_run(&f); // of full size, so that something is left to be mistaken for theirs
            model_set_pairs(f.model, sizes[k]);
            f.spec.pairs = sizes[k];
            model_fixture_run(&f);
            model_fixture_linear_loss(&f, NULL);
            assert_close(f.output, f.output_wide, f.outputs, forward_threshold);
            model_fixture_check_gradient(&f, 0, model_fixture_linear_loss, NULL, gradient_threshold);
            model_fixture_free(&f);
        }
    }
}

// Reverses the pairs of every set.
static void reverse_pairs(struct model_fixture *f)
{
    int n = f->spec.pairs, width = f->spec.pair_width;
    float *turned = reference_floats(f->elements);
    for (int set = 0; set < f->sets; set++)
        for (int p = 0; p < n; p++)
            memcpy(turned + (set * n + p) * width, f->pairs + (set * n + n - 1 - p) * width,
                   (size_t)width * sizeof(float));
    memory_free((void **)&f->pairs);
    f->pairs = turned;
}

static void test_order_of_pairs(void **state)
{
    (void)state;
    struct model_fixture f;
    model_fixture_init(&f, &cases[0].model, cases[0].sets, 1);
    float *before = reference_floats(f.outputs);
    model_fixture_run(&f);
    memcpy(before, f.output, f.outputs * sizeof(float));
    reverse_pairs(&f);
    model_fixture_run(&f);
    model_fixture_expect_near(f.output, before, f.outputs, forward_threshold);
    memory_free((void **)&before);
    model_fixture_free(&f);
}

// A gradient depends on nothing that the workspace held before.
static void test_no_memory_of_other_batches(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * case_count; i++) {
        struct model_spec description = cases[i / 2].model;
        struct model_fixture f;
        description.precision = i % 2 ? PRECISION_BF16 : PRECISION_FP32;
        model_fixture_init(&f, &description, cases[i / 2].sets, 1);
        float *before = reference_floats(f.parameters), *pairs = f.pairs,
              *other = reference_floats(f.elements);
        model_fixture_run(&f);
        memcpy(before, f.gradient, f.parameters * sizeof(float));
        f.pairs = other;
        model_fixture_fill_pairs(&f, 11);
        model_fixture_run(&f);
        assert_memory_not_equal(f.gradient, before, f.parameters * sizeof(float));
        f.pairs = pairs;
        model_fixture_run(&f);
        assert_memory_equal(f.gradient, before, f.parameters * sizeof(float));
        memory_free((void **)&before);
        memory_free((void **)&other);
        model_fixture_free(&f);
    }
}

/* test_model [WORD]: all tests, or those that loop over models and poolings for the one called WORD. */
int main(int count, char **arguments)
{
    const struct CMUnitTest loops[] = {
        cmocka_unit_test(test_forward_and_gradient),
        cmocka_unit_test(test_shards_together),
        cmocka_unit_test(test_smaller_sets),
        cmocka_unit_test(test_bf16_is_near),
        cmocka_unit_test(test_no_memory_of_other_batches),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors_are_pytorchs),
        cmocka_unit_test(test_names_of_deep_stacks),
        cmocka_unit_test(test_tensors_of_poolings),
        cmocka_unit_test(test_flops_are_the_needed_ones),
        cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_tensors_of_flat_models),
        cmocka_unit_test(test_initialisation),
        cmocka_unit_test(test_forward_and_gradient),
        cmocka_unit_test(test_shards_together),
        cmocka_unit_test(test_gradient_of_every_task),
        cmocka_unit_test(test_smaller_sets),
        cmocka_unit_test(test_bf16_is_near),
        cmocka_unit_test(test_order_of_pairs),
        cmocka_unit_test(test_no_memory_of_other_batches),
    };
    gemm_setup();
    list_cases(count > 1 ? arguments[1] : NULL);
    if (count == 1)
        list_joined_cases();
    return count > 1 ? cmocka_run_group_tests(loops, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
