// Extra evaluations at the end of a run: matched weights, other data, and the solutions without a model.
#include "spec/extra_evaluations.h"

#include "base/memory.h"
#include "kernel/gemm.h"
#include "task/fit.h"
#include "task/regression.h"
#include "task/task.h"
#include "task/weight_match.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    INPUTS = 3,
    UNITS = 4,
    OUTPUTS = 2,
    UNKNOWNS = INPUTS * UNITS + UNITS * OUTPUTS,
    SETS = 512,
    SEED = 5
};

static const struct generator_shape two_outputs = {
    .inputs = INPUTS, .hidden = {1, {UNITS}}, .outputs = OUTPUTS, .activation = ACTIVATION_RELU};

static struct task_spec inverse_of(int inputs, int units, int equations)
{
    return (struct task_spec){
        .kind = units ? TASK_MLP_INVERSE : TASK_LINEAR_INVERSE,
        .generator = {.inputs = inputs, .hidden = {units > 0, {units}}, .outputs = 1, .init = INIT_LECUN},
        .equations = equations,
        .eval_points = 16};
}

static struct task *held_out(const struct task_spec *description, int sets)
{
    struct task *task;
    assert_int_equal(task_create(description, sets, &task), STATUS_OK);
    task_fill(task, TASK_HELD_OUT, SEED, 0, 0, sets);
    return task;
}

// ---- matched weights ----

// The same function: unit order[j] of `from` becomes unit j, its incoming weights scaled, its outgoing ones
// by the inverse.
static void rearrange(const float *from, const int order[UNITS], float *to)
{
    for (int j = 0; j < UNITS; j++) {
        float scale = 0.25f * (float)(1 << 2 * j); // powers of two: exact
        for (int i = 0; i < INPUTS; i++)
            to[i * UNITS + j] = scale * from[i * UNITS + order[j]];
        for (int k = 0; k < OUTPUTS; k++)
            to[INPUTS * UNITS + j * OUTPUTS + k] = from[INPUTS * UNITS + order[j] * OUTPUTS + k] / scale;
    }
}

static void test_the_same_weights_match(void **state)
{
    (void)state;
    static const double rounding = 1e-7;
    float weights[UNKNOWNS], same[UNKNOWNS];
    for (int i = 0; i < UNKNOWNS; i++)
        weights[i] = sinf(1 + 3 * (float)i * (float)i);
    struct weight_matcher *matcher;
    assert_int_equal(weight_match_create(&two_outputs, &matcher), STATUS_OK);
    rearrange(weights, (const int[]){2, 0, 3, 1}, same);
    struct weight_match match = weight_match_compare(matcher, weights, 1, same, 1);
    assert_true(fabs(match.cosine - 1) < rounding && match.error < rounding);
    for (int i = INPUTS * UNITS; i < UNKNOWNS; i++)
        same[i] *= 2; // y doubles: the same direction, as far away again
    match = weight_match_compare(matcher, weights, 1, same, 1);
    assert_true(fabs(match.cosine - 1) < rounding && fabs(match.error - 1) < rounding);
    for (int i = INPUTS * UNITS; i < UNKNOWNS; i++)
        same[i] *= -1; // units that do the opposite are not the same
    match = weight_match_compare(matcher, weights, 1, same, 1);
    assert_true(match.cosine < 0.7 && match.error > 1);
    memset(same, 0, sizeof same);
    assert_true(isnan(weight_match_compare(matcher, weights, 1, same, 1).cosine));
    weight_match_destroy(&matcher);
}

// ---- other data ----

struct moments {
    double mean, variance;
};

static struct moments moments_of(const float *numbers, int count, int stride)
{
    struct moments moments = {0};
    for (int i = 0; i < count; i++)
        moments.mean += (double)numbers[i * stride] / count;
    for (int i = 0; i < count; i++)
        moments.variance += pow((double)numbers[i * stride] - moments.mean, 2) / count;
    return moments;
}

static void test_distributions(void **state)
{
    (void)state;
    static const struct moments want[TASK_INPUTS] = {{0, 1}, {0, 1}, {0, 4}, {1, 1}};
    for (enum task_inputs inputs = 0; inputs < TASK_INPUTS; inputs++) {
        struct task_spec description = inverse_of(2, 5, 40);
        description.inputs = inputs;
        struct task *task = held_out(&description, SETS);
        const float *pairs = task_pairs(task);
        struct moments got = moments_of(pairs, SETS * 40, 3);
        assert_true(fabs(got.mean - want[inputs].mean) < 0.05); // five standard errors or more
        assert_true(fabs(got.variance / want[inputs].variance - 1) < 0.05);
        for (int i = 0; i < SETS * 40; i++)
            assert_true(inputs != INPUTS_UNIFORM || fabs((double)pairs[3 * i]) <= sqrt(3) + 1e-6);
        task_destroy(&task);
    }
}

static void test_noise(void **state)
{
    (void)state;
    enum { N = 200 };
    struct task_spec description = inverse_of(2, 5, N);
    struct task *clean = held_out(&description, SETS);
    description.noise = 0.3;
    struct task *noisy = held_out(&description, SETS);
    const float *y = task_pairs(clean), *with = task_pairs(noisy);
    double ratio = 0;
    for (int set = 0; set < SETS; set++, y += 3 * N, with += 3 * N) {
        float noise[N];
        for (int i = 0; i < N; i++) {
            assert_true(with[3 * i] == y[3 * i] && with[3 * i + 1] == y[3 * i + 1]); // x is clean
            noise[i] = with[3 * i + 2] - y[3 * i + 2];
        }
        ratio += moments_of(noise, N, 1).variance / moments_of(y + 2, N, 3).variance / SETS;
    }
    assert_true(fabs(sqrt(ratio) - 0.3) < 0.005);
    task_destroy(&clean);
    task_destroy(&noisy);
}

// Standard deviation of the noise on y of each training set, relative to that of y. `level` [SETS]
static void training_noise(const struct reals *noise, float level[SETS])
{
    enum { N = 100 };
    struct task_spec description = inverse_of(2, 5, N);
    struct task *clean, *noisy;
    assert_int_equal(task_create(&description, SETS, &clean), STATUS_OK);
    description.training_noise = *noise;
    assert_int_equal(task_create(&description, SETS, &noisy), STATUS_OK);
    task_fill(clean, TASK_TRAIN, SEED, 7, 0, SETS);
    task_fill(noisy, TASK_TRAIN, SEED, 7, 0, SETS);
    const float *y = task_pairs(clean) + 2, *with = task_pairs(noisy) + 2;
    for (int set = 0; set < SETS; set++, y += 3 * N, with += 3 * N) {
        float added[N];
        for (int i = 0; i < N; i++)
            added[i] = with[3 * i] - y[3 * i];
        level[set] = (float)sqrt(moments_of(added, N, 1).variance / moments_of(y, N, 3).variance);
    }
    task_fill(clean, TASK_HELD_OUT, SEED, 0, 0, SETS);
    task_fill(noisy, TASK_HELD_OUT, SEED, 0, 0, SETS);
    assert_memory_equal(task_pairs(clean), task_pairs(noisy), SETS * N * 3 * sizeof(float));
    task_destroy(&clean);
    task_destroy(&noisy);
}

static void test_noise_of_training_sets(void **state)
{
    (void)state;
    float level[SETS];
    training_noise(&(struct reals){1, {0.5}}, level);
    struct moments moments = moments_of(level, SETS, 1);
    assert_true(fabs(moments.mean - 0.5) < 0.01 && moments.variance < 0.05 * 0.05);
    training_noise(&(struct reals){2, {0.5, 1.5}}, level); // uniform: variance 1 / 12, and that of 100 values
    moments = moments_of(level, SETS, 1);
    assert_true(fabs(moments.mean - 1) < 0.05 && fabs(moments.variance - 1.0 / 12) < 0.015);
}

// ---- without a model ----

static bool never(void *context)
{
    (void)context;
    return false;
}

static void solve_equations(const struct task_spec *description, const float *pairs, int sets, float *weights)
{
    struct regression *regression;
    assert_int_equal(regression_create(description, REGRESSION_LINEAR, &regression), STATUS_OK);
    for (int set = 0; set < sets; set++) {
        regression_weights(regression, pairs, weights);
        pairs += description->equations * task_pair_width(description);
        weights += generator_unknowns(&description->generator);
    }
    regression_destroy(&regression);
}

static void fit_networks(const struct task_spec *description, const float *pairs, int sets, float *weights)
{
    struct fit *fit;
    const struct fit_sets fit_sets = {.pairs = pairs, .count = sets, .stop = never};
    const struct fit_starts starts = {.seed = SEED, .starts = 8, .iterations = 40};
    assert_int_equal(fit_create(description, &fit), STATUS_OK);
    fit_random_starts(fit, &fit_sets, &starts, weights);
    fit_destroy(&fit);
}

// R^2 of the answers to `sets` held-out sets.
static double fitted_r2(const struct task_spec *description, int sets)
{
    int unknowns = generator_unknowns(&description->generator);
    struct task *task = held_out(description, sets);
    float *weights = memory_small((size_t)(sets * unknowns) * sizeof *weights);
    struct task_score *score = memory_small((size_t)sets * sizeof *score);
    if (task_has_networks(description))
        fit_networks(description, task_pairs(task), sets, weights);
    else
        solve_equations(description, task_pairs(task), sets, weights);
    task_scores(task, weights, score);
    double error = 0, square = 0;
    for (int set = 0; set < sets; set++) {
        error += score[set].squared_error;
        square += score[set].mean_square;
    }
    task_destroy(&task);
    free(weights);
    free(score);
    return 1 - error / square; // the truth's mean is zero
}

static void test_least_squares_explains_equations_over_unknowns(void **state)
{
    (void)state;
    for (int equations = 2; equations <= 8; equations += 2) {
        struct task_spec description = inverse_of(8, 0, equations);
        assert_true(fabs(fitted_r2(&description, SETS) - equations / 8.0) < 0.03);
    }
    struct task_spec more = inverse_of(8, 0, 12);
    assert_true(fitted_r2(&more, SETS) > 1 - 1e-9);
}

static void test_fit_recovers_a_small_generator(void **state)
{
    (void)state;
    struct task_spec description = inverse_of(2, 3, 40);
    assert_true(fitted_r2(&description, 8) > 0.995);
}

// ---- names ----

static void test_names_are_all_different(void **state)
{
    (void)state;
    const struct run_spec run = {
        .task = inverse_of(2, 5, 20),
        .model = {MODEL_DEEP_SETS, POOLING_MEAN, 3, 20, 4, {1, {8}}, {1, {8}}, .outputs = 15},
        .training = {.batch = 16,
                     .shards = 1,
                     .evaluation_generators = 10,
                     .extra = {14, {2, {20, 45}}, {2, {0.1, 0.3}}, .direct_fit = 4, .refine = {2, {1, 20}}}}};
    struct extra_evaluation list[EXTRA_EVALUATIONS_MAX];
    struct score_column names[EXTRA_SCORES_MAX];
    int count = extra_evaluations_list(&run, list), scores = 0;
    for (int i = 0; i < count; i++) {
        extra_evaluation_columns(&list[i], names + scores);
        scores += list[i].scores;
    }
    assert_int_equal(scores, 4 + 2 + 2 * (3 + 2 + 2 + 5 * 5)); // 3 inputs; 5 kinds of sets, each with 5 fits
    assert_string_equal(names[scores - 2].name, "r2_refine_20_noise_0.3");
    for (int i = 0; i < scores; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(names[i].name, names[j].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_weights_match),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_noise_of_training_sets),
        cmocka_unit_test(test_least_squares_explains_equations_over_unknowns),
        cmocka_unit_test(test_fit_recovers_a_small_generator),
        cmocka_unit_test(test_names_are_all_different),
    };
    gemm_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
