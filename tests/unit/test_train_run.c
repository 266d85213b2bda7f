// A whole run on one rank, with its results kept in memory: resume, stop, divergence, hooks that fail.
#include "train/train.h"

#include "base/memory.h"
#include "base/stop.h"
#include "kernel/gemm.h"
#include "model/model.h"
#include "reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 7, SHARDS = 4, POINTS = 4 };

// Muon, so that both kinds of moments are in the state.
static const struct run_spec tiny = {
    .task = {.kind = TASK_MLP_INVERSE,
             .generator = {.inputs = 2, .hidden = {1, {3}}, .outputs = 1},
             .equations = 6,
             .eval_points = 2},
    .model = {MODEL_DEEP_SETS, POOLING_MEAN, 3, 6, 4, {2, {8, 5}}, {1, {7}}, .outputs = 9},
    .training = {.seed = 2,
                 .steps = STEPS,
                 .batch = 12,
                 .shards = SHARDS,
                 .optimizer = OPTIMIZER_MUON,
                 .learning_rate = 0.02,
                 .schedule = SCHEDULE_COSINE,
                 .warmup_steps = 2,
                 .evaluate_every = 2,
                 .evaluation_generators = 10},
};

// The values that a results file would hold.
struct shelf {
    struct train_state checkpoint[STEPS + 1]; // the last of each step
    struct train_scalars curve[POINTS];
    int resume_from; // the step of which `load` gives the checkpoint, or 0
    int polls, stop_at_poll;
    enum status load_status, checkpoint_status, curve_status;
};

static void copy_state(struct train_state *to, const struct train_state *from)
{
    to->scalars = from->scalars;
    memcpy(to->parameters, from->parameters, from->parameters_count * sizeof(float));
    memcpy(to->first, from->first, from->parameters_count * sizeof(float));
    memcpy(to->second, from->second, from->parameters_count * sizeof(float));
}

static enum status load(void *context, struct train_state *state, bool *found)
{
    struct shelf *shelf = context;
    *found = shelf->resume_from > 0;
    if (*found)
        copy_state(state, &shelf->checkpoint[shelf->resume_from]);
    return shelf->load_status;
}

static enum status checkpoint(void *context, const struct train_state *state)
{
    struct shelf *shelf = context;
    struct train_state *kept = &shelf->checkpoint[state->scalars.step];
    if (shelf->checkpoint_status != STATUS_OK)
        FAIL(shelf->checkpoint_status, "the disk is full");
    if (!kept->parameters)
        TRY(train_state_alloc(state->parameters_count, kept));
    copy_state(kept, state);
    return STATUS_OK;
}

static enum status curve(void *context, int64_t point, const struct train_state *state)
{
    struct shelf *shelf = context;
    assert_in_range(point, 0, POINTS - 1);
    shelf->curve[point] = state->scalars;
    return shelf->curve_status;
}

static void poll(void *context, const struct train_scalars *now)
{
    struct shelf *shelf = context;
    (void)now;
    if (++shelf->polls == shelf->stop_at_poll)
        stop_request();
}

static void shelf_free(struct shelf *shelf)
{
    for (int step = 0; step <= STEPS; step++)
        train_state_free(&shelf->checkpoint[step]);
}

// A checkpoint after every step.
static enum status train(const struct run_spec *run, struct shelf *shelf, struct train_result *result)
{
    const struct train_hooks hooks = {.context = shelf,
                                      .load = load,
                                      .checkpoint = checkpoint,
                                      .curve = curve,
                                      .poll = poll,
                                      .checkpoint_every = 0};
    return train_run(run, &hooks, MPI_COMM_SELF, result);
}

// All but the times.
static void expect_same_scalars(struct train_scalars a, struct train_scalars b)
{
    a.wall_seconds = a.rank_seconds = b.wall_seconds = b.rank_seconds = 0;
    assert_memory_equal(&a, &b, sizeof a);
}

static void expect_same_state(const struct train_state *a, const struct train_state *b)
{
    size_t bytes = a->parameters_count * sizeof(float);
    assert_int_equal(a->parameters_count, b->parameters_count);
    expect_same_scalars(a->scalars, b->scalars);
    assert_memory_equal(a->parameters, b->parameters, bytes);
    assert_memory_equal(a->first, b->first, bytes);
    assert_memory_equal(a->second, b->second, bytes);
}

static void test_a_run(void **state)
{
    (void)state;
    struct shelf shelf = {0};
    struct train_result result;
    assert_int_equal(train(&tiny, &shelf, &result), STATUS_OK);
    assert_int_equal(result.end, TRAIN_DONE);
    assert_int_equal(result.state.scalars.step, STEPS);
    expect_same_state(&result.state, &shelf.checkpoint[STEPS]);
    static const int64_t at[POINTS] = {2, 4, 6, 7};
    for (int i = 0; i < POINTS; i++)
        assert_int_equal(shelf.curve[i].step, at[i]);
    assert_true(isfinite(shelf.curve[POINTS - 1].r2) && shelf.curve[POINTS - 1].r2_stderr > 0);
    // The mean starts at the first loss.
    double ema = shelf.checkpoint[1].scalars.loss;
    for (int step = 1; step <= STEPS; step++) {
        ema = 0.99 * ema + (1 - 0.99) * shelf.checkpoint[step].scalars.loss;
        assert_true(fabs(shelf.checkpoint[step].scalars.loss_ema / ema - 1) < 1e-12);
    }
    train_state_free(&result.state);
    shelf_free(&shelf);
}

// Mean loss of the first step's batch, in double.
static double first_loss(const double *parameters)
{
    struct reference_batch batch;
    int sets = tiny.training.batch;
    size_t numbers = (size_t)(sets * tiny.model.pairs * tiny.model.pair_width);
    float *pairs = reference_floats(numbers);
    double *output = memory_small((size_t)(sets * tiny.model.outputs) * sizeof *output);
    reference_batch_init(&batch, &tiny.task, TASK_TRAIN, tiny.training.seed, 0, 0, sets);
    for (size_t i = 0; i < numbers; i++)
        pairs[i] = (float)batch.pairs[i];
    reference_deep_sets(&tiny.model, parameters, sets, pairs, output);
    double loss = reference_loss(&batch, output) / sets;
    reference_batch_free(&batch);
    memory_free((void **)&pairs);
    free(output);
    return loss;
}

// All shards of the batch count, and each as much: Adam's first moment is then a tenth of the mean loss's
// gradient.
static void test_first_step(void **state)
{
    (void)state;
    static const double threshold = 1e-5, difference_step = 1e-6;
    enum { SAMPLES = 20 };
    struct run_spec run = tiny;
    struct shelf shelf = {0};
    struct train_result result;
    struct model *model;
    run.training.optimizer = OPTIMIZER_ADAM;
    assert_int_equal(train(&run, &shelf, &result), STATUS_OK);
    assert_int_equal(model_create(&tiny.model, 1, 1, &model), STATUS_OK);
    size_t count = result.state.parameters_count;
    float *start = reference_floats(count), got[SAMPLES], loss = (float)shelf.checkpoint[1].scalars.loss;
    double *parameters = memory_small(count * sizeof *parameters), want[SAMPLES];
    model_initialise(model, tiny.training.seed, start);
    for (size_t i = 0; i < count; i++)
        parameters[i] = (double)start[i];
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t at = i * (count - 1) / (SAMPLES - 1);
        got[i] = shelf.checkpoint[1].first[at];
        parameters[at] = (double)start[at] + difference_step;
        double above = first_loss(parameters);
        parameters[at] = (double)start[at] - difference_step;
        want[i] = 0.1 * (above - first_loss(parameters)) / (2 * difference_step);
        parameters[at] = (double)start[at];
    }
    double loss_want = first_loss(parameters);
    assert_close(&loss, &loss_want, 1, threshold);
    assert_close(got, want, SAMPLES, threshold);
    model_destroy(&model);
    memory_free((void **)&start);
    free(parameters);
    train_state_free(&result.state);
    shelf_free(&shelf);
}

static void test_resumed_at_any_step(void **state)
{
    (void)state;
    struct shelf undisturbed = {0};
    struct train_result result, again;
    assert_int_equal(train(&tiny, &undisturbed, &result), STATUS_OK);
    for (int step = 1; step <= STEPS; step++) {
        struct shelf shelf = {.resume_from = step};
        struct train_state *newest = &shelf.checkpoint[step], *kept = &undisturbed.checkpoint[step];
        assert_int_equal(checkpoint(&shelf, kept), STATUS_OK);
        expect_same_state(newest, kept);
        assert_int_equal(train(&tiny, &shelf, &again), STATUS_OK);
        expect_same_state(&again.state, &result.state);
        for (int64_t point = kept->scalars.points; point < POINTS; point++)
            expect_same_scalars(shelf.curve[point], undisturbed.curve[point]);
        train_state_free(&again.state);
        shelf_free(&shelf);
    }
    train_state_free(&result.state);
    shelf_free(&undisturbed);
}

static void test_divergence_ends_the_run(void **state)
{
    (void)state;
    struct run_spec run = tiny;
    struct shelf shelf = {0};
    struct train_result result;
    run.training.optimizer = OPTIMIZER_ADAM;
    run.training.learning_rate = 1e30;
    assert_int_equal(train(&run, &shelf, &result), STATUS_OK);
    assert_int_equal(result.end, TRAIN_DIVERGED);
    assert_in_range(result.state.scalars.step, 1, STEPS - 1);
    assert_non_null(strstr(result.message, "learning_rate"));
    for (size_t i = 0; i < result.state.parameters_count; i++) // the step that showed it was not taken
        assert_true(isfinite(result.state.parameters[i]));
    train_state_free(&result.state);
    shelf_free(&shelf);
}

// On the way there R^2 may be anything.
static void test_r2_far_below_0_at_the_last_step_is_divergence(void **state)
{
    (void)state;
    struct run_spec run = tiny;
    struct shelf shelf = {0};
    struct train_result result;
    run.training.optimizer = OPTIMIZER_ADAM;
    run.training.schedule = SCHEDULE_CONSTANT;
    run.training.learning_rate = 100;
    assert_int_equal(train(&run, &shelf, &result), STATUS_OK);
    assert_int_equal(result.end, TRAIN_DIVERGED);
    assert_int_equal(result.state.scalars.step, STEPS);
    for (int i = 0; i < POINTS; i++)
        assert_true(isfinite(shelf.curve[i].r2) && shelf.curve[i].r2 < -100);
    assert_non_null(strstr(result.message, "R^2 after step 7, the last, is -"));
    assert_non_null(strstr(result.message, "below -100"));
    train_state_free(&result.state);
    shelf_free(&shelf);
}

// More memory than any machine can address: a result of that run alone.
static void test_failed_allocation_fails_the_run(void **state)
{
    (void)state;
    struct run_spec run = tiny;
    struct shelf shelf = {0};
    struct train_result result;
    int wide = 1 << 20, shards = 1 << 15;
    run.task.equations = run.model.pairs = 1;
    run.model.encoder = (struct widths){2, {wide, wide}};
    run.model.embed_dim = wide;
    run.training.optimizer = OPTIMIZER_ADAM;
    run.training.batch = run.training.shards = shards;
    assert_int_equal(train(&run, &shelf, &result), STATUS_OK);
    assert_int_equal(result.end, TRAIN_FAILED);
    assert_non_null(strstr(result.message, "memory"));
    train_state_free(&result.state);
}

static void test_a_hook_that_fails_ends_the_sweep(void **state)
{
    (void)state;
    struct shelf shelves[] = {{.load_status = STATUS_RESULTS},
                              {.checkpoint_status = STATUS_MACHINE},
                              {.curve_status = STATUS_MACHINE}};
    static const enum status expected[] = {STATUS_RESULTS, STATUS_MACHINE, STATUS_MACHINE};
    for (int i = 0; i < 3; i++) {
        struct train_result result;
        assert_int_equal(train(&tiny, &shelves[i], &result), expected[i]);
        assert_null(result.state.parameters);
        shelf_free(&shelves[i]);
    }
}

// The last test, since the wish to stop stays.
static void test_stop_keeps_the_last_finished_step(void **state)
{
    (void)state;
    struct shelf undisturbed = {0}, shelf = {.stop_at_poll = 0};
    struct train_result result, stopped;
    struct run_spec run = tiny;
    run.model.pooling = POOLING_MAX; // one shard after the other
    assert_int_equal(train(&run, &undisturbed, &result), STATUS_OK);
    shelf.stop_at_poll =
        2 * SHARDS + 4 + 2; // two steps, the evaluation (four chunks), in the middle of the third step
    assert_int_equal(train(&run, &shelf, &stopped), STATUS_OK);
    assert_int_equal(stopped.end, TRAIN_STOPPED);
    assert_int_equal(stopped.state.scalars.step, 2);
    assert_int_equal(stopped.state.scalars.points, 1);
    expect_same_state(&shelf.checkpoint[2], &stopped.state);
    // but for the evaluation, which the undisturbed run's checkpoint of step 2 was before
    assert_memory_equal(stopped.state.parameters, undisturbed.checkpoint[2].parameters,
                        stopped.state.parameters_count * sizeof(float));
    expect_same_scalars(stopped.state.scalars, undisturbed.curve[0]);
    train_state_free(&stopped.state);

    shelf.resume_from = 2; // it stays, too
    assert_int_equal(train(&run, &shelf, &stopped), STATUS_OK);
    assert_int_equal(stopped.end, TRAIN_STOPPED);
    expect_same_state(&shelf.checkpoint[2], &stopped.state);
    train_state_free(&stopped.state);
    train_state_free(&result.state);
    shelf_free(&shelf);
    shelf_free(&undisturbed);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run),
        cmocka_unit_test(test_first_step),
        cmocka_unit_test(test_resumed_at_any_step),
        cmocka_unit_test(test_divergence_ends_the_run),
        cmocka_unit_test(test_r2_far_below_0_at_the_last_step_is_divergence),
        cmocka_unit_test(test_failed_allocation_fails_the_run),
        cmocka_unit_test(test_a_hook_that_fails_ends_the_sweep),
        cmocka_unit_test(test_stop_keeps_the_last_finished_step),
    };
    MPI_Init(&argc, &argv);
    gemm_setup();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
