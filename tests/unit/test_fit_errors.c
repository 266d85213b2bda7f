// Standard errors of fitted weights: coverage of their intervals in simulated sets, the number of weights
// that the pairs determine, and the symmetric matrices behind them.
#include "task/fit_errors.h"

#include "base/memory.h"
#include "kernel/gemm.h"
#include "kernel/symmetric.h"
#include "task/fit.h"
#include "task/task.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SETS = 300, N = 45, UNKNOWNS = 15, WIDTH = 3, SEED = 5 };
static const double noise = 0.1, interval = 1.959964;

static struct task_spec simulated(int equations, double with_noise)
{
    return (struct task_spec){.kind = TASK_MLP_INVERSE,
                              .generator = {.inputs = 2, .hidden = {1, {5}}, .outputs = 1},
                              .equations = equations,
                              .eval_points = 1,
                              .noise = with_noise};
}

static bool never(void *context)
{
    (void)context;
    return false;
}

// True weights as rows, refined from there: [SETS, UNKNOWNS]
static void refine_from_truth(const struct task_spec *spec, const struct task *task, float *truth,
                              float *refined)
{
    const struct fit_sets sets = {.pairs = task_pairs(task), .count = SETS, .stop = never};
    struct fit *fit;
    int stride;
    const float *weights = task_weights(task, &stride);
    for (int set = 0; set < SETS; set++)
        for (int k = 0; k < UNKNOWNS; k++)
            truth[set * UNKNOWNS + k] = weights[k * stride + set];
    assert_int_equal(fit_create(spec, &fit), STATUS_OK);
    fit_refine(fit, &sets, truth, &(struct widths){1, {40}}, refined);
    fit_destroy(&fit);
}

// Number of weights whose 95 % interval holds the true one.
static int count_covered(const struct task_spec *spec, const float *pairs, const float *truth, float *refined)
{
    struct fit_errors errors;
    double exact[UNKNOWNS];
    bool found;
    int covered = 0;
    for (int k = 0; k < UNKNOWNS; k++)
        exact[k] = (double)truth[k];
    fit_errors_normalise(&spec->generator, exact);
    assert_int_equal(fit_errors_compute(spec, pairs, fit_sigma(spec, pairs), refined, &errors, &found),
                     STATUS_OK);
    assert_true(found);
    for (int k = 0; k < UNKNOWNS; k++)
        covered += fabs((double)refined[k] - exact[k]) < interval * errors.errors[k];
    fit_errors_free(&errors);
    return covered;
}

static void test_intervals_cover_the_true_weights(void **state)
{
    (void)state;
    const struct task_spec spec = simulated(N, noise);
    struct task *task;
    float *truth = memory_small(SETS * UNKNOWNS * sizeof *truth),
          *refined = memory_small(SETS * UNKNOWNS * sizeof *refined);
    int covered = 0;
    assert_int_equal(task_create(&spec, SETS, &task), STATUS_OK);
    task_fill(task, TASK_HELD_OUT, SEED, 0, 0, SETS);
    refine_from_truth(&spec, task, truth, refined);
    for (int set = 0; set < SETS; set++)
        covered += count_covered(&spec, task_pairs(task) + set * N * WIDTH, truth + set * UNKNOWNS,
                                 refined + set * UNKNOWNS);
    double coverage = (double)covered / (SETS * UNKNOWNS);
    assert_true(coverage > 0.9 && coverage < 0.97); // nearly equal units are not normally distributed
    task_destroy(&task);
    free(truth);
    free(refined);
}

// Without noise the pairs determine all weights but the scales of the units; with two pairs, at most two.
static void test_weights_that_the_pairs_determine(void **state)
{
    (void)state;
    static const struct {
        int equations;
        double min_effective, max_effective;
        int min_directions, max_directions;
    } cases[] = {{200, 9, 10.5, 0, 1}, {2, 0.5, 2.01, 8, 10}};
    for (int i = 0; i < 2; i++) {
        const struct task_spec spec = simulated(cases[i].equations, 0);
        struct task *task;
        struct fit_errors errors;
        float weights[UNKNOWNS];
        int stride;
        bool found;
        assert_int_equal(task_create(&spec, 1, &task), STATUS_OK);
        task_fill(task, TASK_HELD_OUT, SEED, 0, 0, 1);
        const float *truth = task_weights(task, &stride), *pairs = task_pairs(task);
        for (int k = 0; k < UNKNOWNS; k++)
            weights[k] = truth[k * stride];
        assert_int_equal(fit_errors_compute(&spec, pairs, fit_sigma(&spec, pairs), weights, &errors, &found),
                         STATUS_OK);
        assert_true(found);
        assert_true(errors.effective > cases[i].min_effective && errors.effective < cases[i].max_effective);
        assert_in_range(errors.prior_directions, cases[i].min_directions, cases[i].max_directions);
        fit_errors_free(&errors);
        task_destroy(&task);
    }
}

// A unit whose incoming weights are near 0, or 0, has no errors; the other units' do not change.
static void test_errors_of_a_unit_near_zero_are_not_determined(void **state)
{
    (void)state;
    enum { HIDDEN = 5, UNIT = 3 };
    const struct task_spec spec = simulated(200, 0.1);
    struct task *task;
    int stride;
    assert_int_equal(task_create(&spec, 1, &task), STATUS_OK);
    task_fill(task, TASK_HELD_OUT, SEED, 0, 0, 1);
    const float *truth = task_weights(task, &stride), *pairs = task_pairs(task);
    static const float norms[] = {1e-6f, 0};
    for (int n = 0; n < 2; n++) {
        struct fit_errors errors;
        float weights[UNKNOWNS];
        bool found;
        for (int k = 0; k < UNKNOWNS; k++)
            weights[k] = k % HIDDEN == UNIT ? norms[n] : truth[k * stride];
        assert_int_equal(fit_errors_compute(&spec, pairs, fit_sigma(&spec, pairs), weights, &errors, &found),
                         STATUS_OK);
        assert_true(found);
        for (int k = 0; k < UNKNOWNS; k++)
            if (k % HIDDEN == UNIT)
                assert_true(isnan(errors.errors[k]));
            else
                assert_true(errors.errors[k] > 0 && errors.errors[k] < 10);
        fit_errors_free(&errors);
    }
    task_destroy(&task);
}

// Incoming weights have norm 1 in every hidden layer, and y does not change.
static void test_normalised_weights_have_the_same_outputs(void **state)
{
    (void)state;
    const struct generator_shape shape = {.inputs = 2, .hidden = {2, {3, 2}}, .outputs = 2};
    double weights[2 * 3 + 3 * 2 + 2 * 2], before[2], after[2];
    for (int k = 0; k < 16; k++)
        weights[k] = sin(1 + 3 * k * k);
    for (int pass = 0; pass < 2; pass++) {
        double hidden[3] = {0}, second[2] = {0}, *y = pass == 0 ? before : after;
        for (int j = 0; j < 3; j++)
            hidden[j] = fmax(0, 0.7 * weights[j] - 0.3 * weights[3 + j]);
        for (int j = 0; j < 2; j++)
            second[j] = fmax(0, hidden[0] * weights[6 + j] + hidden[1] * weights[8 + j] +
                                    hidden[2] * weights[10 + j]);
        for (int j = 0; j < 2; j++)
            y[j] = second[0] * weights[12 + j] + second[1] * weights[14 + j];
        fit_errors_normalise(&shape, weights);
    }
    assert_true(fabs(before[0]) > 0.01);
    for (int j = 0; j < 2; j++)
        assert_true(fabs(before[j] - after[j]) < 1e-14);
    for (int j = 0; j < 3; j++)
        assert_true(fabs(hypot(weights[j], weights[3 + j]) - 1) < 1e-14);
}

// The matrix with 2 on the diagonal and -1 beside it has eigenvalues 2 - 2 cos(k pi / (n + 1)), also after a
// rotation of the axes.
static void test_eigenvalues_are_counted(void **state)
{
    (void)state;
    enum { SIZE = 12 };
    static const double bounds[] = {0.05, 0.5, 1, 2, 3.9, 4};
    for (int b = 0; b < 6; b++) {
        double v[SIZE], square = 0, a[SIZE * SIZE], half[SIZE * SIZE], work[2 * SIZE];
        int wanted = 0;
        for (int i = 0; i < SIZE; i++) {
            v[i] = sin(1 + i);
            square += v[i] * v[i];
            wanted += 2 - 2 * cos((i + 1) * M_PI / (SIZE + 1)) < bounds[b];
        }
        for (int i = 0; i < SIZE; i++) // (I - 2 v v^T / v^T v) T
            for (int j = 0; j < SIZE; j++) {
                double product = 2 * v[j] - (j > 0 ? v[j - 1] : 0) - (j + 1 < SIZE ? v[j + 1] : 0);
                half[i * SIZE + j] = (i == j ? 2 : abs(i - j) == 1 ? -1 : 0) - 2 * v[i] * product / square;
            }
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                double product = 0;
                for (int k = 0; k < SIZE; k++)
                    product += half[i * SIZE + k] * v[k];
                a[i * SIZE + j] = half[i * SIZE + j] - 2 * product * v[j] / square;
            }
        assert_int_equal(symmetric_eigenvalues_below(a, SIZE, bounds[b], work), wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intervals_cover_the_true_weights),
        cmocka_unit_test(test_weights_that_the_pairs_determine),
        cmocka_unit_test(test_errors_of_a_unit_near_zero_are_not_determined),
        cmocka_unit_test(test_normalised_weights_have_the_same_outputs),
        cmocka_unit_test(test_eigenvalues_are_counted),
    };
    gemm_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
