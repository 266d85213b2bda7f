/* Learned refinement: features, tensors, predictions and gradients of the stages. */
#include "model_fixture.h"

#include "base/memory.h"
#include "kernel/gemm.h"
#include "model/least_squares_step.h"
#include "model/model.h"
#include "model/residuals.h"
#include "reference.h"
#include "spec/refined_workspace.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double forward_threshold = 1e-5;
static const double gradient_threshold = 1e-4;
static const double bf16_threshold = 0.05;
enum { SETS = 10, TOGETHER = 4 };

static const struct generator_shape shapes[] = {
    {2, {1, {5}}, 1, ACTIVATION_RELU, INIT_LECUN},
    {3, {2, {4, 3}}, 2, ACTIVATION_LEAKY_RELU, INIT_NORMAL},
    {2, {1, {4}}, 1, ACTIVATION_TANH, INIT_LECUN},
    {2, {2, {3, 4}}, 1, ACTIVATION_GELU, INIT_LECUN},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

// Refinements begin after a least-squares step if their number is odd.
static struct model_spec refined(const struct generator_shape *shape, enum pooling_kind pooling,
                                 int refinements)
{
    return (struct model_spec){.kind = MODEL_DEEP_SETS,
                               .pooling = pooling,
                               .pair_width = shape->inputs + shape->outputs,
                               .pairs = 19,
                               .embed_dim = 12,
                               .encoder = {2, {20, 33}},
                               .decoder = {1, {11}},
                               .outputs = generator_unknowns(shape),
                               .heads = 4,
                               .queries = 2,
                               .refinements = refinements,
                               .refine_from =
                                   refinements % 2 ? REFINE_FROM_LEAST_SQUARES : REFINE_FROM_PREDICTION,
                               .generator = *shape};
}

static void test_features(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++)
        for (int n = 1; n <= 35; n += 17) {
            const struct generator_shape *shape = &shapes[i];
            size_t unknowns = (size_t)generator_unknowns(shape), rows = (size_t)n;
            size_t width = (size_t)(shape->inputs + shape->outputs);
            size_t wider = width + (size_t)(shape->outputs + widths_sum(&shape->hidden));
            float *weights = reference_floats(unknowns), *gradient = reference_floats(unknowns);
            float *pairs = reference_floats(rows * width), *features = reference_floats(rows * wider);
            float *scratch = reference_floats(refined_workspace_scratch(shape));
            double wide_weights[64], wide_gradient[64], wide_pairs[35 * 8], wide_features[35 * 16];
            reference_fill(weights, unknowns, 1);
            reference_fill(pairs, rows * width, 2);
            for (size_t k = 0; k < unknowns; k++)
                wide_weights[k] = (double)weights[k];
            for (size_t k = 0; k < rows * width; k++)
                wide_pairs[k] = (double)pairs[k];
            residuals_compute(shape, n, weights, pairs, features, gradient, scratch);
            reference_residuals(shape, n, wide_weights, wide_pairs, wide_features, wide_gradient);
            assert_close(features, wide_features, rows * wider, forward_threshold);
            assert_close(gradient, wide_gradient, unknowns, forward_threshold);
            for (float **array = (float *[]){weights, gradient, pairs, features, scratch, NULL}; *array;
                 array++)
                memory_free((void **)array);
        }
}

// Fewer pairs than unknowns, and more; sets that do not fill the last group of systems.
static void test_least_squares_step(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++)
        for (int n = 3; n <= 45; n += 42) {
            struct model_spec model = refined(&shapes[i], POOLING_MEAN, 1);
            model.pairs = n;
            size_t unknowns = (size_t)model.outputs, elements = (size_t)(n * model.pair_width);
            float *weights = reference_floats(SETS * unknowns), *pairs = reference_floats(SETS * elements);
            double *scratch = memory_small(refined_workspace_doubles(&model) * sizeof *scratch);
            double wide_weights[SETS * 64], wide_pairs[45 * 8];
            reference_fill(weights, SETS * unknowns, 1);
            reference_fill(pairs, SETS * elements, 2);
            for (size_t k = 0; k < SETS * unknowns; k++)
                wide_weights[k] = (double)weights[k];
            for (size_t set = 0; set < SETS; set++) {
                for (size_t k = 0; k < elements; k++)
                    wide_pairs[k] = (double)pairs[set * elements + k];
                reference_least_squares_step(&shapes[i], n, wide_pairs, wide_weights + set * unknowns);
            }
            least_squares_step(&shapes[i], n, SETS, pairs, weights, scratch);
            assert_close(weights, wide_weights, SETS * unknowns, forward_threshold);
            free(scratch);
            memory_free((void **)&weights);
            memory_free((void **)&pairs);
        }
}

// A step that is not finite leaves its set as it is, and does not affect the others.
static void test_step_that_is_not_finite(void **state)
{
    (void)state;
    struct model_spec model = refined(&shapes[0], POOLING_MEAN, 1);
    size_t unknowns = (size_t)model.outputs, elements = (size_t)(model.pairs * model.pair_width);
    float *weights = reference_floats(2 * unknowns), *pairs = reference_floats(2 * elements);
    float *before = reference_floats(2 * unknowns);
    double *scratch = memory_small(refined_workspace_doubles(&model) * sizeof *scratch);
    reference_fill(weights, 2 * unknowns, 1);
    reference_fill(pairs, 2 * elements, 2);
    pairs[2] = INFINITY;
    memcpy(before, weights, 2 * unknowns * sizeof *before);
    least_squares_step(&shapes[0], model.pairs, 2, pairs, weights, scratch);
    assert_memory_equal(weights, before, unknowns * sizeof *before);
    for (size_t k = unknowns; k < 2 * unknowns; k++)
        assert_true(isfinite(weights[k]) && weights[k] != before[k]);
    free(scratch);
    for (float **array = (float *[]){weights, before, pairs, NULL}; *array; array++)
        memory_free((void **)array);
}

static void expect_weight(const struct tensor_table *table, const char *name, int rows, int columns,
                          bool hidden)
{
    const struct tensor *tensor = reference_tensor(table, name);
    assert_int_equal(tensor->rows, rows);
    assert_int_equal(tensor->columns, columns);
    assert_int_equal(tensor->fan_in, columns);
    assert_int_equal(tensor->hidden_matrix, hidden);
}

// Pairs of stages after the first have the residual and five hidden units, their decoders twice the weights.
static void test_tensors(void **state)
{
    (void)state;
    struct tensor_table table, first;
    struct model_spec model = refined(&shapes[0], POOLING_ATTENTION, 0);
    model_tensors(&model, &first);
    model.refinements = 2;
    model_tensors(&model, &table);
    assert_int_equal(table.count, 3 * first.count);
    assert_memory_equal(table.tensors, first.tensors, (size_t)first.count * sizeof *first.tensors);
    assert_string_equal(table.tensors[first.count].name, "stages.1.encoder.net.0.weight");
    assert_int_equal(table.tensors[first.count].offset, first.parameters);
    expect_weight(&table, "stages.1.encoder.net.0.weight", 20, 3 + 1 + 5, false);
    expect_weight(&table, "stages.2.encoder.net.2.weight", 33, 20, true);
    expect_weight(&table, "stages.2.pooling.query", 2, 12, false);
    expect_weight(&table, "stages.2.pooling.output.weight", 12, 12, true);
    expect_weight(&table, "stages.2.decoder.0.weight", 11, 2 * 12 + 2 * 15, true);
    expect_weight(&table, "stages.2.decoder.2.weight", 15, 11, false);
    assert_int_equal(table.parameters, table.tensors[table.count - 1].offset + 15);
    assert_int_equal(model_gradient_elements(&model), table.parameters + 3 * 2 * 4 * 33);
}

// The needed ones: of each stage, at its own widths.
static void test_flops(void **state)
{
    (void)state;
    struct model_spec model = refined(&shapes[0], POOLING_MAX, 2);
    double pair = 20 * 33 + 33 * 12, set = 12 * 11 + 11 * 15, context = 30 * 11;
    assert_true(model_forward_flops(&model) ==
                2 * (19 * (3 * pair + 20 * (3 + 9 + 9)) + 3 * set + 2 * context));
    assert_true(model_step_flops(&model) ==
                2 * (19 * (9 * pair + 2 * 20 * (3 + 9 + 9)) + 9 * set + 6 * context));
}

// The last stage's gradient by differences is not affected by the stages before.
static void check_last_stage(struct model_fixture *f)
{
    int tensors = model_table(f->model)->count, stages = model_stages(&f->spec);
    model_fixture_check_gradient(f, tensors / stages * (stages - 1), model_fixture_linear_loss, NULL,
                                 gradient_threshold);
}

static void check_forward_and_gradient(const struct model_spec *spec, int pairs)
{
    struct model_fixture f;
    model_fixture_init(&f, spec, SETS, 1);
    model_set_pairs(f.model, pairs);
    f.spec.pairs = pairs;
    model_forward(f.model, SETS, f.pairs, f.output);
    model_fixture_linear_loss(&f, NULL);
    assert_close(f.output, f.output_wide, f.outputs, forward_threshold);
    for (size_t k = 0; k < f.gradient_elements; k++)
        f.gradient[k] = NAN; // written, not added to
    model_fixture_backward(&f);
    check_last_stage(&f);
    model_fixture_free(&f);
}

static void test_forward_and_gradient(void **state)
{
    (void)state;
    for (enum pooling_kind pooling = 0; pooling < POOLING_KINDS; pooling++) {
        const struct model_spec model = refined(&shapes[pooling % SHAPES], pooling, 1 + pooling % 2);
        check_forward_and_gradient(&model, model.pairs);
        check_forward_and_gradient(&model, 3);
    }
}

// Stage by stage, the predictions and gradients of a model are those of models that end with that stage.
static void test_stages_are_independent(void **state)
{
    (void)state;
    for (enum pooling_kind pooling = 0; pooling < POOLING_KINDS; pooling++) {
        struct model_fixture all, part;
        struct model_spec model = refined(&shapes[0], pooling, 2);
        model_fixture_init(&all, &model, SETS, 1);
        for (int stage = 0; stage < 3; stage++) {
            model_forward_stage(all.model, stage, SETS, all.pairs, all.output);
            model_fixture_backward(&all);
            model.refinements = stage;
            model_fixture_init(&part, &model, SETS, 1);
            model_forward(part.model, SETS, part.pairs, part.output);
            model_fixture_backward(&part);
            assert_memory_equal(all.output, part.output, all.outputs * sizeof(float));
            assert_memory_equal(all.gradient, part.gradient, part.parameters * sizeof(float) * (stage == 0));
            const struct tensor_table *table = model_table(part.model);
            size_t begin = table->tensors[table->count / (stage + 1) * stage].offset;
            assert_memory_equal(all.gradient + begin, part.gradient + begin,
                                (part.parameters - begin) * sizeof(float));
            model_fixture_free(&part);
        }
        model_fixture_free(&all);
    }
}

static void test_shards_together(void **state)
{
    (void)state;
    struct model_fixture all, alone;
    const struct model_spec model = refined(&shapes[1], POOLING_MEAN, 2);
    model_fixture_init(&all, &model, SETS, TOGETHER);
    model_fixture_init(&alone, &model, SETS, 1);
    model_forward(all.model, TOGETHER * SETS, all.pairs, all.output);
    model_fixture_backward(&all);
    for (size_t shard = 0; shard < TOGETHER; shard++) {
        memcpy(alone.pairs, all.pairs + shard * alone.elements, alone.elements * sizeof(float));
        memcpy(alone.output_gradient, all.output_gradient + shard * alone.outputs,
               alone.outputs * sizeof(float));
        model_forward(alone.model, SETS, alone.pairs, alone.output);
        model_fixture_backward(&alone);
        assert_memory_equal(alone.output, all.output + shard * alone.outputs, alone.outputs * sizeof(float));
        assert_memory_equal(alone.gradient, all.gradient + shard * alone.parameters,
                            alone.parameters * sizeof(float));
    }
    model_fixture_free(&all);
    model_fixture_free(&alone);
}

static void test_bf16_is_near(void **state)
{
    (void)state;
    struct model_fixture fp32, bf16;
    struct model_spec model = refined(&shapes[0], POOLING_MAX, 2);
    model_fixture_init(&fp32, &model, SETS, 1);
    model.precision = PRECISION_BF16;
    model_fixture_init(&bf16, &model, SETS, 1);
    model_forward(fp32.model, SETS, fp32.pairs, fp32.output);
    model_forward(bf16.model, SETS, bf16.pairs, bf16.output);
    model_fixture_expect_near(bf16.output, fp32.output, fp32.outputs, bf16_threshold);
    assert_memory_not_equal(bf16.output, fp32.output, fp32.outputs * sizeof(float));
    model_fixture_free(&fp32);
    model_fixture_free(&bf16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_least_squares_step),
        cmocka_unit_test(test_step_that_is_not_finite),
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_flops),
        cmocka_unit_test(test_forward_and_gradient),
        cmocka_unit_test(test_stages_are_independent),
        cmocka_unit_test(test_shards_together),
        cmocka_unit_test(test_bf16_is_near),
    };
    gemm_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
