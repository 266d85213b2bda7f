// Levenberg-Marquardt fits of generators: derivatives, convergence, and the same bits in every position and
// with every instruction set.
#include "task/fit.h"

#include "kernel/batched.h"
#include "kernel/gemm.h"
#include "kernel/simd_set.h"
#include "spec/fit_spec.h"
#include "task/generator_jacobian.h"
#include "task/levenberg.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { POINTS = 12, INPUTS = 3, OUTPUTS = 2, UNKNOWNS = INPUTS * 4 + 4 * 3 + 3 * OUTPUTS, MEMORY = 1024 };

static uint64_t state_of_random = 1;

// Uniform in (-1, 1).
static double uniform(void)
{
    state_of_random = state_of_random * 6364136223846793005u + 1442695040888963407u;
    return (double)(int64_t)(state_of_random >> 11) * 0x1p-52 - 1;
}

// BATCHED problems: the same network with other weights, x and y in each.
struct network {
    struct generator_shape shape;
    struct generator_pairs pairs;
    double truth[UNKNOWNS * BATCHED], precision[UNKNOWNS], memory[MEMORY];
};

static void fill_network(struct network *network, enum generator_activation activation)
{
    *network = (struct network){
        .shape = {.inputs = INPUTS, .hidden = {2, {4, 3}}, .outputs = OUTPUTS, .activation = activation}};
    struct generator_pairs *pairs = &network->pairs;
    assert_true(generator_jacobian_doubles(&network->shape, POINTS) <= MEMORY);
    generator_jacobian_init(pairs, &network->shape, POINTS, network->memory);
    for (int k = 0; k < UNKNOWNS * BATCHED; k++)
        network->truth[k] = uniform();
    for (int k = 0; k < POINTS * INPUTS * BATCHED; k++)
        pairs->x[k] = uniform();
    for (int l = 0; l < BATCHED; l++)
        pairs->scale[l] = 1;
    generator_jacobian(pairs, network->truth, pairs->y, NULL); // y is still 0
    fit_precision(&network->shape, network->precision);
}

static void test_jacobian_is_that_of_finite_differences(void **state)
{
    (void)state;
    static const double step = 1e-6, tolerance = 1e-6;
    static struct network network;
    static double jacobian[POINTS * OUTPUTS * UNKNOWNS * BATCHED];
    double above[POINTS * OUTPUTS * BATCHED], below[POINTS * OUTPUTS * BATCHED];
    for (enum generator_activation activation = 0; activation <= ACTIVATION_GELU; activation++) {
        fill_network(&network, activation);
        generator_jacobian(&network.pairs, network.truth, above, jacobian);
        for (int k = 0; k < UNKNOWNS; k++) {
            double weights[UNKNOWNS * BATCHED];
            memcpy(weights, network.truth, sizeof weights);
            for (int l = 0; l < BATCHED; l++)
                weights[k * BATCHED + l] += step;
            generator_jacobian(&network.pairs, weights, above, NULL);
            for (int l = 0; l < BATCHED; l++)
                weights[k * BATCHED + l] -= 2 * step;
            generator_jacobian(&network.pairs, weights, below, NULL);
            for (int i = 0; i < POINTS * OUTPUTS * BATCHED; i++) {
                int row = i / BATCHED, l = i % BATCHED;
                double difference = (above[i] - below[i]) / (2 * step);
                assert_true(fabs(difference - jacobian[(row * UNKNOWNS + k) * BATCHED + l]) < tolerance);
            }
        }
    }
}

// Fits the network from near its true weights, and returns the largest objective at the end.
static double fit_near_truth(struct network *network, int points, double weights[UNKNOWNS * BATCHED])
{
    network->pairs.points = points;
    const struct least_squares_problem problem =
        generator_jacobian_problem(&network->pairs, network->precision);
    struct levenberg *solver;
    double before[BATCHED], largest = 0;
    assert_int_equal(levenberg_create(&problem, &solver), STATUS_OK);
    for (int k = 0; k < UNKNOWNS * BATCHED; k++)
        levenberg_weights(solver)[k] = network->truth[k] + 0.02 * uniform();
    levenberg_start(solver);
    for (int i = 0; i < 60; i++) {
        memcpy(before, levenberg_objective(solver), sizeof before);
        levenberg_iterate(solver);
        for (int l = 0; l < BATCHED; l++)
            assert_true(levenberg_objective(solver)[l] <= before[l]);
    }
    for (int l = 0; l < BATCHED; l++)
        largest = fmax(largest, levenberg_objective(solver)[l]);
    memcpy(weights, levenberg_weights(solver), UNKNOWNS * BATCHED * sizeof *weights);
    levenberg_destroy(&solver);
    return largest;
}

// With a weak prior the residuals vanish; both ways of solving the equations get there.
static void test_fits_known_networks(void **state)
{
    (void)state;
    static struct network network;
    double weights[UNKNOWNS * BATCHED];
    static const int points[] = {POINTS, 20 / OUTPUTS}; // with fewer values of y than weights, 30, too
    for (enum generator_activation activation = 0; activation <= ACTIVATION_GELU; activation++)
        for (int i = 0; i < 2; i++) {
            fill_network(&network, activation);
            for (int k = 0; k < UNKNOWNS; k++)
                network.precision[k] = 1e-9;
            assert_true(fit_near_truth(&network, points[i], weights) < 1e-6);
        }
}

// A linear problem, w in the place of the residuals' only derivatives, that any points beyond `rows` leave
// alone.
struct linear {
    int rows;
    double matrix[40 * 10 * BATCHED];
};

static void evaluate_linear(void *context, const double *weights, int first, int points, double *residual,
                            double *jacobian)
{
    const struct linear *linear = context;
    for (int p = 0; p < points; p++)
        for (int l = 0; l < BATCHED; l++) {
            residual[p * BATCHED + l] = first + p < linear->rows ? -1 : 0;
            for (int k = 0; k < 10; k++) {
                double element =
                    first + p < linear->rows ? linear->matrix[((first + p) * 10 + k) * BATCHED + l] : 0;
                residual[p * BATCHED + l] += element * weights[k * BATCHED + l];
                if (jacobian)
                    jacobian[(p * 10 + k) * BATCHED + l] = element;
            }
        }
}

static void iterate_linear(struct linear *linear, int points, double weights[10 * BATCHED])
{
    static const double precision[] = {1, 2, 3, 4, 5, 1, 2, 3, 4, 5};
    const struct least_squares_problem problem = {.unknowns = 10,
                                                  .points = points,
                                                  .outputs = 1,
                                                  .precision = precision,
                                                  .context = linear,
                                                  .evaluate = evaluate_linear};
    struct levenberg *solver;
    assert_int_equal(levenberg_create(&problem, &solver), STATUS_OK);
    for (int k = 0; k < 10 * BATCHED; k++)
        levenberg_weights(solver)[k] = 0.1 * k;
    levenberg_start(solver);
    for (int i = 0; i < 3; i++)
        levenberg_iterate(solver);
    memcpy(weights, levenberg_weights(solver), 10 * BATCHED * sizeof *weights);
    levenberg_destroy(&solver);
}

static void test_both_solutions_make_the_same_steps(void **state)
{
    (void)state;
    static struct linear linear = {.rows = 6};
    double few[10 * BATCHED], many[10 * BATCHED];
    for (int k = 0; k < 40 * 10 * BATCHED; k++)
        linear.matrix[k] = uniform();
    iterate_linear(&linear, 6, few);   // solved in the space of the residuals
    iterate_linear(&linear, 37, many); // in that of the unknowns
    for (int k = 0; k < 10 * BATCHED; k++)
        assert_true(fabs(few[k] - many[k]) < 1e-10);
}

// ---- fits of sets ----

enum { SETS = 11, N = 20, WIDTH = 3 };

static bool never(void *context)
{
    (void)context;
    return false;
}

static void fit_all(const float *pairs, int first, int count, float *weights)
{
    const struct task_spec task = {
        .kind = TASK_MLP_INVERSE,
        .generator = {.inputs = 2, .hidden = {1, {5}}, .outputs = 1},
        .equations = N,
    };
    struct fit *fit;
    const struct fit_sets sets = {.pairs = pairs + first * N * WIDTH, .count = count, .stop = never};
    const struct fit_starts starts = {.seed = 3, .first = first, .starts = 3, .iterations = 10};
    assert_int_equal(fit_create(&task, &fit), STATUS_OK);
    fit_random_starts(fit, &sets, &starts, weights);
    fit_destroy(&fit);
}

static void test_bits_do_not_depend_on_chunks_or_instructions(void **state)
{
    (void)state;
    float pairs[SETS * N * WIDTH], all[SETS * 15], one[15];
    enum simd_set kept = simd_set_current();
    for (int k = 0; k < SETS * N * WIDTH; k++)
        pairs[k] = (float)uniform();
    fit_all(pairs, 0, SETS, all);
    for (int set = 0; set < SIMD_SETS; set++)
        if (simd_set_use((enum simd_set)set))
            for (int first = 0; first < SETS; first += 5) {
                fit_all(pairs, first, 1, one);
                assert_memory_equal(one, all + first * 15, sizeof one);
            }
    simd_set_use(kept);
}

static void test_sigma(void **state)
{
    (void)state;
    struct task_spec task = {.generator = {.inputs = 1, .outputs = 2}, .equations = 2};
    const float pairs[] = {0, 1, 3, 0, 5, 7}, same[] = {0, 2, 2, 0, 2, 2}; // y 1, 3, 5, 7: variance 5
    assert_true(fabs(fit_sigma(&task, pairs) - 1e-3 * sqrt(5)) < 1e-15);
    assert_true(fit_sigma(&task, same) == 1e-3);
    float constant[21 * 3];
    task.equations = 21;
    for (int k = 0; k < 21 * 3; k++)
        constant[k] = k % 3 == 0 ? (float)k : 0.1f; // rounding of the mean leaves a variance
    assert_true(fit_sigma(&task, constant) == 1e-3);
    task.equations = 2;
    task.noise = 0.75;
    assert_true(fabs(fit_sigma(&task, pairs) - 0.6 * sqrt(5)) < 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jacobian_is_that_of_finite_differences),
        cmocka_unit_test(test_fits_known_networks),
        cmocka_unit_test(test_both_solutions_make_the_same_steps),
        cmocka_unit_test(test_bits_do_not_depend_on_chunks_or_instructions),
        cmocka_unit_test(test_sigma),
    };
    gemm_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
