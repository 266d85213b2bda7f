// The parts of training that are pure: rate, score, sizes, and the tree in which shards are summed.
#include "kernel/sums.h"
#include "spec/run_spec.h"
#include "train/evaluate.h"
#include "train/learning_rate.h"
#include "train/shard_tree.h"

#include "base/memory.h"
#include "reference.h"
#include "spec/batch_workspace.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const double rounding = 1e-12; // relative, of double

static void expect_near(double got, double want)
{
    assert_true(fabs(got - want) <= rounding * fabs(want));
}

// ---- rate ----

static void test_constant_rate(void **state)
{
    (void)state;
    struct training training = {.steps = 100, .learning_rate = 1e-3, .schedule = SCHEDULE_CONSTANT};
    assert_true(learning_rate_at(&training, 0) == 1e-3);
    assert_true(learning_rate_at(&training, 99) == 1e-3);
    training.warmup_steps = 4;
    static const double warm[] = {0.25e-3, 0.5e-3, 0.75e-3, 1e-3, 1e-3};
    for (int s = 0; s < 5; s++)
        expect_near(learning_rate_at(&training, s), warm[s]);
}

static void test_cosine_rate(void **state)
{
    (void)state;
    struct training training = {
        .steps = 6, .learning_rate = 4, .schedule = SCHEDULE_COSINE, .warmup_steps = 2};
    static const double root3 = 1.7320508075688772;
    const double want[] = {2, 2 + root3, 3, 2, 1, 2 - root3};
    for (int s = 0; s < 6; s++)
        expect_near(learning_rate_at(&training, s), want[s]);
}

// ---- score ----

static void test_r2_by_hand(void **state)
{
    (void)state;
    const struct task_score score[] = {
        {.squared_error = 0.1, .mean = 0.5, .mean_square = 1.25},
        {.squared_error = 0.3, .mean = -0.5, .mean_square = 0.75},
    };
    double r2, standard_error;
    evaluate_r2(score, 2, &r2, &standard_error);
    expect_near(r2, 0.8);              // MSE 0.2, mean 0, variance 1
    expect_near(standard_error, 0.15); // residuals -0.15 and 0.15
    evaluate_r2(score, 1, &r2, &standard_error);
    expect_near(r2, 0.9); // variance 1.25 - 0.25
    assert_true(isnan(standard_error));
}

static void test_r2_is_not_defined_without_variance(void **state)
{
    (void)state;
    struct task_score score[7] = {{0}}; // 1 / 7, summed seven times, is not 1
    double r2, standard_error;
    for (int constant = 0; constant < 4; constant++) {
        for (int i = 0; i < 7; i++)
            score[i] = (struct task_score){.squared_error = 0.01 * i,
                                           .mean = constant * 0.1,
                                           .mean_square = constant * 0.1 * (constant * 0.1)};
        assert_false(evaluate_r2(score, 7, &r2, &standard_error));
        assert_true(isnan(r2) && isnan(standard_error));
    }
    score[6].mean_square += 1e-6; // little, but more than fp32 rounds
    assert_true(evaluate_r2(score, 7, &r2, &standard_error));
    assert_true(r2 < 0 && standard_error > 0);
}

static void test_standard_error_is_the_jackknifes(void **state)
{
    (void)state;
    enum { MANY = 400 };
    static const double within =
        0.02; // the delta method and the jackknife differ by a term of order 1 / MANY
    float drawn[3 * MANY];
    struct task_score score[MANY];
    reference_fill(drawn, 3 * MANY, 1);
    for (int i = 0; i < MANY; i++) {
        double mean = 0.3 + (double)drawn[3 * i], spread = (double)(drawn[3 * i + 1] * drawn[3 * i + 1]);
        double error = 0.1 * spread * (1 + (double)(drawn[3 * i + 2] * drawn[3 * i + 2]));
        score[i] =
            (struct task_score){.squared_error = error, .mean = mean, .mean_square = mean * mean + spread};
    }
    double r2, standard_error, ignored, sum = 0, square = 0;
    evaluate_r2(score, MANY, &r2, &standard_error);
    for (int i = 0; i < MANY; i++) {
        struct task_score left_out = score[i];
        double without;
        score[i] = score[MANY - 1];
        evaluate_r2(score, MANY - 1, &without, &ignored);
        score[i] = left_out;
        sum += without / MANY;
        square += (without - r2) * (without - r2);
    }
    double jackknife = sqrt((MANY - 1) * (square / MANY - (sum - r2) * (sum - r2)));
    assert_true(fabs(standard_error / jackknife - 1) < within);
}

// ---- sizes ----

static void test_sizes(void **state)
{
    (void)state;
    struct tensor_table table = {.count = 3,
                                 .parameters = 1000,
                                 .tensors = {{.rows = 20, .columns = 30},
                                             {.rows = 4, .columns = 6, .hidden_matrix = true},
                                             {.rows = 6, .columns = 4, .hidden_matrix = true}}};
    assert_int_equal(training_state_bytes(&table), 3 * 1000 * 4 + 64);
    assert_true(training_optimizer_flops(OPTIMIZER_ADAM, &table) == 0);
    assert_true(training_optimizer_flops(OPTIMIZER_MUON, &table) ==
                2 * 5 * 2 * (4 * 4 * 6 + 4 * 4 * 4 + 4 * 4 * 6));
    assert_int_equal(training_gradients(1), 1);
    assert_int_equal(training_gradients(2), 2);
    assert_int_equal(training_gradients(16), 5);
    assert_int_equal(training_points(&(struct training){.steps = 1000, .evaluate_every = 500}), 2);
    assert_int_equal(training_points(&(struct training){.steps = 1001, .evaluate_every = 500}), 3);
    assert_int_equal(training_points(&(struct training){.steps = 3, .evaluate_every = 500}), 1);
}

// training_shards_together of a run with these parts.
static int shards_together(const struct training *training, const struct model_spec *model,
                           const struct task_spec *task, int shards)
{
    const struct run_spec run = {.task = *task, .model = *model, .training = *training};
    return training_shards_together(&run, shards);
}

static size_t memory_bytes(const struct training *training, const struct model_spec *model,
                           const struct task_spec *task)
{
    const struct run_spec run = {.task = *task, .model = *model, .training = *training};
    return training_memory_bytes(&run);
}

static void test_shards_per_pass(void **state)
{
    (void)state;
    struct task_spec task = {.kind = TASK_MLP_INVERSE,
                             .generator = {.inputs = 2, .hidden = {1, {5}}, .outputs = 1},
                             .equations = 45,
                             .eval_points = 1};
    struct model_spec sets = {MODEL_DEEP_SETS, POOLING_MEAN, 3, 45, 128, {2, {128, 256}},
                              {2, {256, 128}}, .outputs = 15};
    struct model_spec every = sets; // pair's embedding is kept
    struct model_spec flat = {MODEL_LINEAR, .pair_width = 3, .pairs = 30, .hidden = {3, {256, 256, 256}},
                              .outputs = 15};
    struct training training = {.batch = 1024, .shards = 16};
    every.pooling = POOLING_MOMENTS;
    assert_int_equal(shards_together(&training, &sets, &task, 16), 8);
    assert_int_equal(shards_together(&training, &sets, &task, 2), 2);
    assert_int_equal(shards_together(&training, &every, &task, 16), 1);
    task.equations = 30;
    assert_int_equal(shards_together(&training, &flat, &task, 16), 1);
    training.batch /= 2;
    assert_int_equal(shards_together(&training, &flat, &task, 16), 2);
    assert_int_equal(shards_together(&training, &flat, &task, 1), 1);
    task.eval_points = 16384; // the batch counts as well
    assert_int_equal(shards_together(&training, &flat, &task, 16), 1);
    task.eval_points = 1;
    training.batch *= 64;
    assert_int_equal(shards_together(&training, &flat, &task, 16), 1);
}

static void test_memory_grows_by_what_is_held(void **state)
{
    (void)state;
    struct task_spec task = {
        .generator = {.inputs = 2, .hidden = {1, {5}}, .outputs = 1}, .equations = 20, .eval_points = 1};
    struct model_spec model = {MODEL_DEEP_SETS, POOLING_MEAN, 3, 20, 8, {2, {16, 24}},
                               {1, {12}},       .outputs = 15};
    struct training training = {.batch = 16, .shards = 1, .evaluation_generators = 100};
    struct tensor_table table;
    model_tensors(&model, &table);
    size_t parameters = table.parameters * sizeof(float), outputs = 2 * 16 * 15 * sizeof(float);
    size_t bytes = memory_bytes(&training, &model, &task);
    // parameters, two moments, one gradient, and what is exchanged
    assert_int_equal(bytes, 5 * parameters + outputs + model_workspace_bytes(&model, 16, 1) +
                                batch_workspace_bytes(&task, 16) + 100 * sizeof(struct task_score));
    training.batch *= 2;
    training.shards = 2; // shards of the same size, both in hand, and one more level of the tree
    assert_int_equal(memory_bytes(&training, &model, &task),
                     bytes + parameters + outputs + model_workspace_bytes(&model, 16, 2) -
                         model_workspace_bytes(&model, 16, 1) + batch_workspace_bytes(&task, 32) -
                         batch_workspace_bytes(&task, 16));
}

// With attention gradients are longer than the parameters.
static void test_memory_of_attention(void **state)
{
    (void)state;
    struct task_spec task = {
        .generator = {.inputs = 2, .hidden = {1, {5}}, .outputs = 1}, .equations = 20, .eval_points = 1};
    struct model_spec model = {MODEL_DEEP_SETS, POOLING_ATTENTION, 3,          20,          8, {2, {16, 24}},
                               {1, {12}},       .outputs = 15,     .heads = 4, .queries = 2};
    struct training training = {.batch = 32, .shards = 2, .evaluation_generators = 100};
    struct tensor_table table;
    size_t begin, expanded = model_expanded_parameters(&model, &begin);
    model_tensors(&model, &table);
    size_t numbers = model_gradient_elements(&model);
    assert_int_equal(numbers, table.parameters + 2 * 4 * 24);
    assert_string_equal(table.tensors[4].name, "encoder.net.4.weight");
    assert_int_equal(begin, table.tensors[4].offset);
    assert_int_equal(expanded, 8 * 24 + 8 + 2 * 8 + 2 * 8 * 8); // that weight, its bias, query, key and value
    // parameters, two moments; two gradients, and what is exchanged
    assert_int_equal(memory_bytes(&training, &model, &task),
                     (3 * table.parameters + 3 * numbers + 2 * 16 * 15) * sizeof(float) +
                         model_workspace_bytes(&model, 16, 1) + batch_workspace_bytes(&task, 16) +
                         100 * sizeof(struct task_score));
}

// ---- tree ----

enum { COUNT = 37, SHARDS_MAX = 16 };

static float shard_value(int shard, int element)
{
    return 1.0f / (float)(3 * shard + 7 * element + 1);
}

static float pairwise(int first, int shards, int element)
{
    if (shards == 1)
        return shard_value(first, element);
    return pairwise(first, shards / 2, element) + pairwise(first + shards / 2, shards / 2, element);
}

static void test_carry_is_the_pairwise_sum(void **state)
{
    (void)state;
    for (int shards = 1; shards <= SHARDS_MAX; shards *= 2) {
        int levels = training_gradients(shards);
        float *memory = reference_floats((size_t)(levels * COUNT)), *level[8];
        for (int i = 0; i < levels; i++)
            level[i] = memory + i * COUNT;
        for (int shard = 0; shard < shards; shard++) {
            int leaf = shard_tree_leaf(shard);
            assert_true(leaf < levels);
            for (int i = 0; i < COUNT; i++)
                level[leaf][i] = shard_value(shard, i);
            shard_tree_carry(level, shard, 0, COUNT);
        }
        for (int i = 0; i < COUNT; i++)
            assert_true(level[0][i] == pairwise(0, shards, i));
        memory_free((void **)&memory);
    }
}

// Pieces of the vector, each over all shards before the next, as a model finishes its layers.
static void test_carry_in_parts(void **state)
{
    (void)state;
    enum { PIECE = 5000, PIECES = 3, SHARDS = 8 };
    float *memory = reference_floats(4 * PIECE * PIECES), *level[4];
    for (int i = 0; i < 4; i++)
        level[i] = memory + i * PIECE * PIECES;
    for (int piece = PIECES - 1; piece >= 0; piece--)
        for (int shard = 0; shard < SHARDS; shard++) {
            for (int i = piece * PIECE; i < (piece + 1) * PIECE; i++)
                level[shard_tree_leaf(shard)][i] = shard_value(shard, i);
            shard_tree_carry(level, shard, (size_t)(piece * PIECE), PIECE);
        }
    for (int i = 0; i < PIECE * PIECES; i++)
        assert_true(level[0][i] == pairwise(0, SHARDS, i));
    memory_free((void **)&memory);
}

static double pairwise_double(const double *values, int shards)
{
    return shards == 1
               ? *values
               : pairwise_double(values, shards / 2) + pairwise_double(values + shards / 2, shards / 2);
}

static void test_sum_is_the_pairwise_sum(void **state)
{
    (void)state;
    for (int shards = 1; shards <= SHARDS_MAX; shards *= 2) {
        double values[SHARDS_MAX];
        for (int i = 0; i < shards; i++)
            values[i] = 1.0 / (3 * i + 1);
        double want = pairwise_double(values, shards);
        assert_true(shard_tree_sum(values, shards) == want);
    }
}

static void test_finite(void **state)
{
    (void)state;
    static float vector[COUNT];
    const float lost[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (int i = 0; i < COUNT; i++)
        vector[i] = i % 2 ? -FLT_MAX : FLT_MAX; // whose sum is not finite
    assert_true(sums_finite(vector, COUNT) && sums_finite(vector, 0));
    for (size_t kind = 0; kind < sizeof lost / sizeof *lost; kind++)
        for (int i = 0; i < COUNT; i += 1 + COUNT / 40) {
            float kept = vector[i];
            vector[i] = lost[kind];
            assert_false(sums_finite(vector, COUNT));
            vector[i] = kept;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finite),
        cmocka_unit_test(test_constant_rate),
        cmocka_unit_test(test_cosine_rate),
        cmocka_unit_test(test_r2_by_hand),
        cmocka_unit_test(test_r2_is_not_defined_without_variance),
        cmocka_unit_test(test_standard_error_is_the_jackknifes),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_shards_per_pass),
        cmocka_unit_test(test_memory_grows_by_what_is_held),
        cmocka_unit_test(test_memory_of_attention),
        cmocka_unit_test(test_carry_is_the_pairwise_sum),
        cmocka_unit_test(test_carry_in_parts),
        cmocka_unit_test(test_sum_is_the_pairwise_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
