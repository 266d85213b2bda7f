// Batches, loss and scores against generators drawn and computed one by one in double.
#include "task/task.h"

#include "base/memory.h"
#include "reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double threshold = 2e-6;          // residual of float numbers
static const double gradient_threshold = 1e-5; // of float gradients against central differences in double
static const double difference_step = 1e-6;

static const struct task_spec description = {
    .kind = TASK_MLP_INVERSE,
    .generator = {.inputs = 3, .hidden = {.count = 1, .width = {7}}, .outputs = 1, .init = INIT_LECUN},
    .equations = 5,
    .eval_points = 4,
};
enum { UNKNOWNS = 3 * 7 + 7, PAIR = 4, SETS = 20, SEED = 3, STEP = 41, FIRST = 1000 };

// Generators: every activation; one, none and several hidden layers; one output and several.
static const struct task_spec shapes[] = {
    {.generator = {3, {1, {7}}, 1, ACTIVATION_RELU, INIT_LECUN}, .equations = 5, .eval_points = 4},
    {.generator = {3, {1, {7}}, 1, ACTIVATION_RELU, INIT_NORMAL}, .equations = 5, .eval_points = 1},
    {.generator = {2, {2, {5, 4}}, 3, ACTIVATION_RELU, INIT_LECUN}, .equations = 6, .eval_points = 3},
    {.generator = {2, {2, {4, 5}}, 1, ACTIVATION_LEAKY_RELU, INIT_NORMAL}, .equations = 6, .eval_points = 2},
    {.generator = {3, {1, {6}}, 2, ACTIVATION_TANH, INIT_NORMAL}, .equations = 4, .eval_points = 3},
    {.generator = {3, {3, {4, 5, 3}}, 1, ACTIVATION_GELU, INIT_NORMAL}, .equations = 4, .eval_points = 5},
    {.generator = {4, {0}, 1, ACTIVATION_RELU, INIT_NORMAL}, .equations = 3, .eval_points = 1},
};
static struct task_spec cases[64];
static int case_count;

static void add_case(const struct task_spec *shape, enum task_kind kind, enum task_objective objective)
{
    assert_true(case_count < (int)(sizeof cases / sizeof *cases));
    struct task_spec *task = &cases[case_count++];
    *task = *shape;
    task->kind = kind;
    task->objective = objective;
    task->equations = task_reads_pairs(task) ? shape->equations : 1;
    task->eval_points = task_is_functional(task) ? shape->eval_points : 1;
}

// Every task and objective with every generator that it can have.
static void list_cases(void)
{
    for (enum task_kind kind = 0; kind < TASK_KINDS; kind++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            const struct task_spec task = {.kind = kind};
            if (task_has_networks(&task) != (shapes[i].generator.hidden.count > 0))
                continue;
            add_case(&shapes[i], kind, OBJECTIVE_FUNCTIONAL);
            if (task_is_functional(&task))
                add_case(&shapes[i], kind, OBJECTIVE_WEIGHTS);
        }
}

enum { MAX_OUTPUTS = 64 };

static struct task *task_of(const struct task_spec *of, int sets)
{
    struct task *task;
    assert_int_equal(task_create(of, sets, &task), STATUS_OK);
    return task;
}

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(generator_unknowns(&description.generator), UNKNOWNS);
    assert_int_equal(task_outputs(&description), UNKNOWNS);
    assert_int_equal(task_pair_width(&description), PAIR);
}

static void test_labels(void **state)
{
    (void)state;
    for (int i = 0; i < case_count; i++)
        for (enum task_part part = TASK_TRAIN; part <= TASK_HELD_OUT; part++) {
            const struct task_spec *of = &cases[i];
            struct task *task = task_of(of, SETS);
            struct reference_batch batch;
            task_fill(task, part, SEED, STEP, FIRST, SETS);
            reference_batch_init(&batch, of, part, SEED, STEP, FIRST, SETS);
            assert_int_equal(task_equations(task), of->equations);
            assert_close(task_pairs(task), batch.pairs, (size_t)(SETS * of->equations * task_pair_width(of)),
                         threshold);
            reference_batch_free(&batch);
            task_destroy(&task);
        }
}

static void check_loss_and_gradient(const struct task_spec *of)
{
    const float scale = 0.25f;
    float predicted[SETS * MAX_OUTPUTS], gradient[SETS * MAX_OUTPUTS];
    double wide[SETS * MAX_OUTPUTS], want[SETS * MAX_OUTPUTS];
    struct task *task = task_of(of, SETS);
    struct reference_batch batch;
    int count = SETS * task_outputs(of);
    task_fill(task, TASK_TRAIN, SEED, STEP, FIRST, SETS);
    reference_batch_init(&batch, of, TASK_TRAIN, SEED, STEP, FIRST, SETS);
    reference_fill(predicted, (size_t)count, 1);
    for (int i = 0; i < count; i++)
        wide[i] = (double)predicted[i];
    for (int i = 0; i < count; i++) {
        double value = wide[i];
        wide[i] = value + difference_step;
        want[i] = reference_loss(&batch, wide);
        wide[i] = value - difference_step;
        want[i] = (double)scale * (want[i] - reference_loss(&batch, wide)) / (2 * difference_step);
        wide[i] = value;
    }
    double sum;
    task_loss(task, predicted, scale, SETS, &sum, gradient);
    float loss = (float)sum;
    double loss_want = reference_loss(&batch, wide);
    assert_close(&loss, &loss_want, 1, threshold);
    assert_close(gradient, want, (size_t)count, gradient_threshold);
    reference_batch_free(&batch);
    task_destroy(&task);
}

static void test_loss_and_gradient(void **state)
{
    (void)state;
    for (int i = 0; i < case_count; i++)
        check_loss_and_gradient(&cases[i]);
}

static void test_true_weights_have_no_loss(void **state)
{
    (void)state;
    float predicted[SETS * UNKNOWNS], gradient[SETS * UNKNOWNS];
    struct task *task = task_of(&description, SETS);
    struct reference_batch batch;
    task_fill(task, TASK_TRAIN, SEED, STEP, FIRST, SETS);
    reference_batch_init(&batch, &description, TASK_TRAIN, SEED, STEP, FIRST, SETS);
    for (int i = 0; i < SETS * UNKNOWNS; i++)
        predicted[i] = (float)batch.weights[i];
    double loss;
    task_loss(task, predicted, 1, SETS, &loss, gradient);
    assert_true(loss < threshold * threshold * SETS);
    reference_batch_free(&batch);
    task_destroy(&task);
}

// The scored quantity: y at the evaluation inputs, or the weights.
static void check_scores(const struct task_spec *of)
{
    float predicted[SETS * MAX_OUTPUTS], mean[SETS], square[SETS];
    double wide[SETS * MAX_OUTPUTS], mean_want[SETS] = {0}, square_want[SETS] = {0}, sum = 0;
    struct task_score score[SETS];
    struct task *task = task_of(of, SETS);
    struct reference_batch batch;
    int outputs = task_outputs(of);
    task_fill(task, TASK_HELD_OUT, SEED, 0, FIRST, SETS);
    reference_batch_init(&batch, of, TASK_HELD_OUT, SEED, 0, FIRST, SETS);
    bool weights = task_reads_pairs(of) && !task_is_functional(of);
    const double *truth = weights ? batch.weights : batch.probe_output;
    int numbers = weights ? outputs : of->eval_points * of->generator.outputs;
    reference_fill(predicted, (size_t)(SETS * outputs), 1);
    for (int i = 0; i < SETS * outputs; i++)
        wide[i] = (double)predicted[i];
    task_scores(task, predicted, score);
    for (int set = 0; set < SETS; set++) {
        sum += score[set].squared_error;
        mean[set] = (float)score[set].mean;
        square[set] = (float)score[set].mean_square;
        for (int k = 0; k < numbers; k++) {
            double value = truth[set * numbers + k];
            mean_want[set] += value / numbers;
            square_want[set] += value * value / numbers;
        }
    }
    double want = task_is_functional(of) ? // for both objectives
                      reference_functional_loss(&batch, wide)
                                         : reference_loss(&batch, wide);
    float got = (float)sum;
    assert_close(&got, &want, 1, threshold);
    assert_close(mean, mean_want, SETS, threshold);
    assert_close(square, square_want, SETS, threshold);
    reference_batch_free(&batch);
    task_destroy(&task);
}

static void test_scores(void **state)
{
    (void)state;
    for (int i = 0; i < case_count; i++)
        check_scores(&cases[i]);
}

// Each step draws its own count of pairs: any of the range, the same for all parts of the batch; evaluations
// have the one count.
static void test_equation_range(void **state)
{
    (void)state;
    enum { LEAST = 2, MOST = 6, STEPS = 500 };
    struct task_spec of = description;
    of.equation_range = (struct widths){2, {LEAST, MOST}};
    of.equations = 4;
    assert_int_equal(task_max_equations(&of), MOST);
    int seen[MOST + 1] = {0};
    struct task *task = task_of(&of, SETS), *part = task_of(&of, 3);
    for (int step = 0; step < STEPS; step++) {
        task_fill(task, TASK_TRAIN, SEED, step, 0, SETS);
        task_fill(part, TASK_TRAIN, SEED, step, 17, 3);
        int n = task_equations(task);
        assert_in_range(n, LEAST, MOST);
        assert_int_equal(task_equations(part), n);
        size_t numbers = (size_t)(n * PAIR);
        assert_memory_equal(task_pairs(part), task_pairs(task) + 17 * numbers, 3 * numbers * sizeof(float));
        seen[n]++;
    }
    for (int n = LEAST; n <= MOST; n++)
        assert_in_range(seen[n], STEPS / (MOST - LEAST + 1) * 3 / 4, STEPS / (MOST - LEAST + 1) * 5 / 4);
    task_fill(task, TASK_HELD_OUT, SEED, 0, 0, SETS);
    assert_int_equal(task_equations(task), 4);
    task_destroy(&task);
    task_destroy(&part);
}

// LeCun's initialisation makes Var(y) one half for every shape; N(0, 1) weights make it d h / 2.
static void test_variance_of_the_output(void **state)
{
    (void)state;
    enum { MANY = 8192 };
    static const double within = 0.05; // about four standard errors
    static struct task_score score[MANY];
    struct task_spec of = description;
    of.eval_points = 16;
    float *predicted = reference_floats(MANY * UNKNOWNS);
    for (enum generator_init init = INIT_LECUN; init <= INIT_NORMAL; init++) {
        of.generator.init = init;
        struct task *task = task_of(&of, MANY);
        task_fill(task, TASK_HELD_OUT, SEED, 0, 0, MANY);
        task_scores(task, predicted, score);
        double variance = 0, error = 0;
        for (int i = 0; i < MANY; i++) {
            variance += score[i].mean_square / MANY;
            error += score[i].squared_error / MANY;
        }
        double want = init == INIT_LECUN ? 0.5 : 3 * 7 / 2.0;
        assert_true(fabs(variance / want - 1) < within);
        assert_true(fabs(error / variance - 1) < threshold); // weights of zero predict zero
        task_destroy(&task);
    }
    memory_free((void **)&predicted);
}

// Fills and scores generators FIRST .. FIRST + 63 in pieces of `sets`, where there is room for more.
static double in_pieces(int room, int sets, float *pairs, const float *predicted, float *gradient)
{
    struct task *task = task_of(&description, room);
    double loss = 0;
    for (int first = 0; first < 64; first += sets) {
        int count = 64 - first < sets ? 64 - first : sets;
        size_t set = (size_t)(description.equations * PAIR);
        task_fill(task, TASK_TRAIN, SEED, STEP, FIRST + first, count);
        memcpy(pairs + (size_t)first * set, task_pairs(task), (size_t)count * set * sizeof *pairs);
        double piece[64];
        task_loss(task, predicted + first * UNKNOWNS, 1, 1, piece, gradient + first * UNKNOWNS);
        for (int i = 0; i < count; i++)
            loss += piece[i];
    }
    task_destroy(&task);
    return loss;
}

static void test_same_batch_in_any_partition(void **state)
{
    (void)state;
    static float predicted[64 * UNKNOWNS], gradient[2][64 * UNKNOWNS], pairs[2][64 * 5 * PAIR];
    static const int pieces[] = {16, 1, 17, 48};
    reference_fill(predicted, 64 * UNKNOWNS, 2);
    double loss = in_pieces(64, 64, pairs[0], predicted, gradient[0]);
    for (size_t i = 0; i < 2 * sizeof pieces / sizeof *pieces; i++) {
        int sets = pieces[i / 2], room = i % 2 ? 64 : sets;
        double again = in_pieces(room, sets, pairs[1], predicted, gradient[1]);
        assert_true(fabs(again / loss - 1) < 1e-12); // the order of its sum in double differs
        assert_memory_equal(pairs[0], pairs[1], sizeof pairs[0]);
        assert_memory_equal(gradient[0], gradient[1], sizeof gradient[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_loss_and_gradient),
        cmocka_unit_test(test_true_weights_have_no_loss),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_equation_range),
        cmocka_unit_test(test_variance_of_the_output),
        cmocka_unit_test(test_same_batch_in_any_partition),
    };
    list_cases();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
