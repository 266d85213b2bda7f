// From a sweep file to its runs: the grid and its order, defaults, generators, equations, --set, `resolved`,
// columns, costs.
#include "base/status.h"
#include "base/text.h"
#include "sweep/equation_ratio.h"
#include "sweep/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE "name: t\nunknowns: 15\nequation_ratio: 2\n"

static struct sweep *create_set(const char *text, int sets, const char *const *set)
{
    struct sweep *sweep = NULL;
    if (sweep_create("f.yaml", text, sets, set, &sweep) != STATUS_OK)
        fail_msg("%s\n%s", text, status_message());
    return sweep;
}

static struct sweep *create(const char *text)
{
    return create_set(text, 0, NULL);
}

static struct sweep *create_one_set(const char *text, const char *set)
{
    return create_set(text, 1, &set);
}

static void test_integers_with_an_exponent(void **state)
{
    (void)state;
    static const char set[] = "batch=2e3";
    struct sweep *sweep =
        create_one_set(BASE "seed: 1e3\ntraining: {steps: 1e5, shards: 1}\nnetwork: {encoder: [1e2, 64]}\n"
                            "axes: {embed_dim: [2e1, 8]}\n",
                       set);
    const struct run_spec *run = &sweep->run[0];
    assert_int_equal(run->training.seed, 1000);
    assert_int_equal(run->training.steps, 100000);
    assert_int_equal(run->training.batch, 2000);
    assert_int_equal(run->model.encoder.width[0], 100);
    assert_int_equal(run->model.embed_dim, 20);
    struct sweep *plain = create(BASE "seed: 1000\ntraining: {steps: 100000, shards: 1, batch: 2000}\n"
                                      "network: {encoder: [100, 64]}\naxes: {embed_dim: [20, 8]}\n");
    assert_string_equal(sweep->resolved, plain->resolved);
    sweep_destroy(&plain);
    sweep_destroy(&sweep);
}

static void test_notes(void **state)
{
    (void)state;
    struct sweep *sweep = create(BASE "training: {steps: 20, warmup_steps: 20}\n");
    assert_string_equal(sweep->notes, "");
    sweep_destroy(&sweep);
    sweep = create(BASE "training:\n  warmup_steps: 1000\naxes:\n  steps: [20, 2000]\n  seed: [1, 2]\n");
    assert_string_equal(sweep->notes, "note: f.yaml:5: training.warmup_steps: 1000 warm-up steps in a "
                                      "training of 20: the learning rate reaches 2e-05 of 0.001\n");
    sweep_destroy(&sweep);
}

// Written on Windows.
static void test_line_ends(void **state)
{
    (void)state;
    struct sweep *sweep = create("name: \"t\"\r\nunknowns: 15\r\nequation_ratio: 2\r\npooling: max\r\n"
                                 "axes:\r\n  seed: [1,\r\n    2]\r\n\r\n");
    struct sweep *plain = create(BASE "pooling: max\naxes: {seed: [1, 2]}\n");
    assert_string_equal(sweep->resolved, plain->resolved);
    sweep_destroy(&plain);
    sweep_destroy(&sweep);
    sweep = create_one_set(BASE, "pooling=max\r");
    assert_string_equal(strstr(sweep->resolved, "pooling: max\n") ? "max" : sweep->resolved, "max");
    sweep_destroy(&sweep);
}

static void test_defaults(void **state)
{
    (void)state;
    struct sweep *sweep = create(BASE);
    assert_string_equal(sweep->name, "t");
    assert_string_equal(sweep->text, BASE);
    assert_int_equal(sweep->runs, 1);
    const struct run_spec *run = &sweep->run[0];
    assert_int_equal(run->unknowns, 15);
    assert_true(run->equation_ratio == 2);
    assert_int_equal(run->task.kind, TASK_MLP_INVERSE);
    assert_int_equal(run->task.generator.inputs, 2);
    assert_int_equal(run->task.generator.hidden.count, 1);
    assert_int_equal(run->task.generator.hidden.width[0], 5);
    assert_int_equal(run->task.generator.init, INIT_LECUN);
    assert_int_equal(run->task.equations, 30);
    assert_int_equal(run->task.eval_points, 1);
    assert_int_equal(run->model.kind, MODEL_DEEP_SETS);
    assert_int_equal(run->model.pooling, POOLING_MEAN);
    assert_int_equal(run->model.pair_width, 3);
    assert_int_equal(run->model.pairs, 30);
    assert_int_equal(run->model.embed_dim, 128);
    assert_int_equal(run->model.outputs, 15);
    const struct widths encoder = {2, {128, 256}}, decoder = {2, {256, 128}}, hidden = {3, {256, 256, 256}};
    assert_memory_equal(&run->model.encoder, &encoder, sizeof encoder);
    assert_memory_equal(&run->model.decoder, &decoder, sizeof decoder);
    assert_memory_equal(&run->model.hidden, &hidden, sizeof hidden);
    assert_int_equal(run->training.seed, 1);
    assert_int_equal(run->training.steps, 30000);
    assert_int_equal(run->training.batch, 1024);
    assert_int_equal(run->training.shards, 16);
    assert_int_equal(run->training.optimizer, OPTIMIZER_ADAM);
    assert_true(run->training.learning_rate == 1e-3);
    assert_int_equal(run->training.schedule, SCHEDULE_CONSTANT);
    assert_int_equal(run->training.warmup_steps, 0);
    assert_int_equal(run->model.precision, PRECISION_FP32);
    assert_int_equal(run->training.evaluate_every, 500);
    assert_int_equal(run->training.evaluation_generators, 16384);
    sweep_destroy(&sweep);
    assert_null(sweep);
}

static void test_every_setting_can_be_set(void **state)
{
    (void)state;
    struct sweep *sweep =
        create("name: all\n"
               "task: mlp-inverse\n"
               "model: deep-sets\n"
               "generator: {inputs: 4, hidden: [10], init: normal}\n"
               "equation_ratio: 1.5\n"
               "embed_dim: 64\n"
               "pooling: mean\n"
               "seed: 7\n"
               "training: {steps: 2500, batch: 256, shards: 4, optimizer: muon, learning_rate: 4e-3, "
               "schedule: cosine, warmup_steps: 200, eval_points: 16, precision: fp32}\n"
               "network: {encoder: [32], decoder: [8, 16, 24]}\n"
               "evaluation: {every: 100, generators: 64, inputs: [shifted, uniform], set_sizes: [20, 45], "
               "noise: [0.1, 1], direct_fit: 8}\n");
    const struct run_spec *run = &sweep->run[0];
    const struct widths encoder = {1, {32}}, decoder = {3, {8, 16, 24}}, set_sizes = {2, {20, 45}};
    const struct reals noise = {2, {0.1, 1}};
    assert_int_equal(run->unknowns, 50);
    assert_int_equal(run->task.equations, 75);
    assert_int_equal(run->task.generator.init, INIT_NORMAL);
    assert_int_equal(run->task.eval_points, 16);
    assert_int_equal(run->model.embed_dim, 64);
    assert_int_equal(run->model.pair_width, 5);
    assert_int_equal(run->model.outputs, 50);
    assert_memory_equal(&run->model.encoder, &encoder, sizeof encoder);
    assert_memory_equal(&run->model.decoder, &decoder, sizeof decoder);
    assert_int_equal(run->training.seed, 7);
    assert_int_equal(run->training.steps, 2500);
    assert_int_equal(run->training.batch, 256);
    assert_int_equal(run->training.shards, 4);
    assert_int_equal(run->training.optimizer, OPTIMIZER_MUON);
    assert_true(run->training.learning_rate == 4e-3);
    assert_int_equal(run->training.schedule, SCHEDULE_COSINE);
    assert_int_equal(run->training.warmup_steps, 200);
    assert_int_equal(run->training.evaluate_every, 100);
    assert_int_equal(run->training.evaluation_generators, 64);
    assert_int_equal(run->training.extra.inputs, 1 << INPUTS_UNIFORM | 1 << INPUTS_SHIFTED);
    assert_memory_equal(&run->training.extra.set_sizes, &set_sizes, sizeof set_sizes);
    assert_memory_equal(&run->training.extra.noise, &noise, sizeof noise);
    assert_int_equal(run->training.extra.direct_fit, 8);
    sweep_destroy(&sweep);
}

// ---- the grid ----

static void test_the_last_axis_is_fastest(void **state)
{
    (void)state;
    struct sweep *sweep = create("name: t\n"
                                 "axes:\n"
                                 "  unknowns: [50, 15]\n"
                                 "  equation_ratio: [1.33, 2, 3]\n"
                                 "  seed: [3, 1]\n");
    static const int equations[] = {67, 100, 150, 20, 30, 45};
    assert_int_equal(sweep->runs, 12);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(sweep->run[i].unknowns, i < 6 ? 50 : 15);
        assert_int_equal(sweep->run[i].task.equations, equations[i / 2]);
        assert_int_equal(sweep->run[i].training.seed, i % 2 == 0 ? 3 : 1);
    }
    sweep_destroy(&sweep);
}

static void test_any_setting_can_be_an_axis(void **state)
{
    (void)state;
    struct sweep *sweep = create(BASE "axes:\n"
                                      "  model: [deep-sets]\n"
                                      "  optimizer: [adam, muon]\n"
                                      "  encoder: [[128, 256], [64]]\n"
                                      "  generator.init: [lecun, normal]\n"
                                      "  evaluation.every: [100, 200]\n"
                                      "  training.batch: [64, 128]\n");
    assert_int_equal(sweep->runs, 32);
    const struct run_spec *last = &sweep->run[31];
    assert_int_equal(last->training.optimizer, OPTIMIZER_MUON);
    assert_int_equal(last->model.encoder.count, 1);
    assert_int_equal(last->model.encoder.width[0], 64);
    assert_int_equal(last->task.generator.init, INIT_NORMAL);
    assert_int_equal(last->training.evaluate_every, 200);
    assert_int_equal(last->training.batch, 128);
    sweep_destroy(&sweep);
}

static void test_exclude(void **state)
{
    (void)state;
    struct sweep *sweep = create("name: t\n"
                                 "axes:\n"
                                 "  unknowns: [15, 50]\n"
                                 "  equation_ratio: [1.33, 2, 3]\n"
                                 "embed_dim: 64\n"
                                 "exclude:\n"
                                 "  - {unknowns: 15, equation_ratio: 3.0}\n"
                                 "  - {equation_ratio: 2, embed_dim: 64, steps: 30000}\n");
    static const int equations[] = {20, 67, 150};
    assert_int_equal(sweep->runs, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sweep->run[i].task.equations, equations[i]);
    sweep_destroy(&sweep);
}

// Excluded combinations need not be valid.
static void test_exclude_comes_before_checks(void **state)
{
    (void)state;
    struct sweep *sweep = create("name: t\n"
                                 "axes: {unknowns: [15, 7]}\n"
                                 "equation_ratio: 2\n"
                                 "exclude: [{unknowns: 7}]\n");
    assert_int_equal(sweep->runs, 1);
    sweep_destroy(&sweep);
}

static void test_a_large_grid(void **state)
{
    (void)state;
    struct text text = {0};
    text_add(&text, "name: large\n"
                    "axes:\n"
                    "  unknowns: [15, 50]\n"
                    "  equation_ratio: [1.33, 2, 3, 4, 5]\n"
                    "  learning_rate: [1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3, 7e-3, 8e-3, 9e-3, 1e-2]\n"
                    "  seed: [0");
    for (int seed = 1; seed < 1000; seed++)
        text_format(&text, ", %d", seed);
    text_add(&text, "]\n");
    struct sweep *sweep = create(text.chars);
    assert_int_equal(sweep->runs, 100000);
    const struct run_spec *run = &sweep->run[99999];
    assert_int_equal(run->unknowns, 50);
    assert_int_equal(run->task.equations, 250);
    assert_true(run->training.learning_rate == 1e-2);
    assert_int_equal(run->training.seed, 999);
    sweep_destroy(&sweep);
    text_free(&text);
}

// ---- generators and equations ----

static void test_shape_rule(void **state)
{
    (void)state;
    static const int cases[][3] = {{6, 2, 2},  {15, 2, 5}, {50, 4, 10}, {60, 4, 12},
                                   {12, 2, 4}, {8, 3, 2},  {24, 3, 6},  {1000, 19, 50}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[80];
        snprintf(text, sizeof text, "name: t\nunknowns: %d\nequation_ratio: 2\n", cases[i][0]);
        struct sweep *sweep = create(text);
        assert_int_equal(sweep->run[0].task.generator.inputs, cases[i][1]);
        assert_int_equal(sweep->run[0].task.generator.hidden.width[0], cases[i][2]);
        sweep_destroy(&sweep);
    }
}

static void test_generator_instead_of_unknowns(void **state)
{
    (void)state;
    struct sweep *sweep = create("name: t\ngenerator: {inputs: 9, hidden: [5]}\nequation_ratio: 2\n");
    assert_int_equal(sweep->run[0].unknowns, 50);
    assert_int_equal(sweep->run[0].task.generator.inputs, 9);
    assert_int_equal(sweep->run[0].model.pair_width, 10);
    sweep_destroy(&sweep);

    sweep = create(BASE "generator: {inputs: 2, hidden: [5]}\n"); // both, and they agree
    assert_int_equal(sweep->run[0].unknowns, 15);
    sweep_destroy(&sweep);

    sweep = create(BASE "generator: {init: normal}\n");
    assert_int_equal(sweep->run[0].task.generator.inputs, 2);
    assert_int_equal(sweep->run[0].task.generator.init, INIT_NORMAL);
    sweep_destroy(&sweep);
}

static void test_any_generator(void **state)
{
    (void)state;
    struct sweep *sweep = create("name: t\nequation_ratio: 2\ngenerator: {inputs: 2, hidden: [8, 8], "
                                 "activation: gelu, outputs: 3}\ntraining: {objective: weights}\n");
    const struct run_spec *run = &sweep->run[0];
    assert_int_equal(run->unknowns, 2 * 8 + 8 * 8 + 8 * 3);
    assert_int_equal(run->task.generator.activation, ACTIVATION_GELU);
    assert_int_equal(run->task.objective, OBJECTIVE_WEIGHTS);
    assert_int_equal(run->model.pair_width, 5);
    assert_int_equal(run->model.outputs, 104);
    sweep_destroy(&sweep);

    sweep = create("name: t\nunknowns: 15\nequation_ratio: 2\ngenerator: {outputs: 3}\n"); // (d + 3) h
    assert_int_equal(sweep->run[0].task.generator.inputs, 2);
    assert_int_equal(sweep->run[0].task.generator.hidden.width[0], 3);
    sweep_destroy(&sweep);
}

// y = x w: as many inputs as unknowns, N(0, 1) weights, no probes.
static void test_linear_generators(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "name: t\ntask: linear-inverse\nequation_ratio: 1.67\nunknowns: 3\n",
        "name: t\ntask: linear-inverse\nequation_ratio: 1.67\ngenerator: {inputs: 3, init: normal}\n",
        "name: t\ntask: linear-inverse\nequation_ratio: 1.67\nunknowns: 3\ntraining: {eval_points: 4, "
        "objective: weights}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct sweep *sweep = create(texts[i]);
        const struct run_spec *run = &sweep->run[0];
        assert_int_equal(run->task.equations, 5);
        assert_int_equal(run->unknowns, 3);
        assert_int_equal(run->task.generator.inputs, 3);
        assert_int_equal(run->task.generator.hidden.count, 0);
        assert_int_equal(run->task.generator.init, INIT_NORMAL);
        assert_int_equal(run->task.eval_points, 1);
        assert_int_equal(run->model.pair_width, 4);
        assert_int_equal(run->model.outputs, 3);
        sweep_destroy(&sweep);
    }
}

// The workspace is for the largest set, the cost is that of the mean one, evaluations have equation_ratio's.
static void test_equation_range(void **state)
{
    (void)state;
    struct sweep *sweep = create("name: t\nunknowns: 15\nequation_ratio: 2\naxes:\n"
                                 "  equation_range: [[], [20, 46], [10, 20]]\n");
    assert_int_equal(sweep->runs, 3);
    static const int largest[] = {30, 46, 30};
    static const double mean[] = {30, 33, 15};
    for (int i = 0; i < 3; i++) {
        struct model_spec model = sweep->run[i].model;
        assert_int_equal(model.pairs, largest[i]);
        assert_int_equal(sweep->run[i].task.equations, 30);
        model.pairs = (int)mean[i];
        assert_true(sweep->run[i].cost.flops_per_step == 1024 * model_step_flops(&model));
    }
    assert_true(sweep->run[1].cost.memory_bytes > sweep->run[0].cost.memory_bytes);
    assert_int_equal(sweep->run[2].cost.memory_bytes, sweep->run[0].cost.memory_bytes);
    sweep_destroy(&sweep);
}

static void test_generators_as_an_axis(void **state)
{
    (void)state;
    struct sweep *sweep =
        create("name: t\n"
               "equation_ratio: 2\n"
               "axes:\n"
               "  seed: [1, 2]\n"
               "  generator: [{inputs: 4, hidden: [10]}, {hidden: [5], inputs: 9, init: normal}]\n");
    assert_int_equal(sweep->runs, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(sweep->run[i].training.seed, 1 + i / 2);
        assert_int_equal(sweep->run[i].task.generator.inputs, i % 2 == 0 ? 4 : 9);
        assert_int_equal(sweep->run[i].task.generator.init, i % 2 == 0 ? INIT_LECUN : INIT_NORMAL);
    }
    sweep_destroy(&sweep);
}

static void test_equations_round_in_decimal(void **state)
{
    (void)state;
    assert_int_equal(equation_ratio_count(1.33, 15), 20);    // 19.95
    assert_int_equal(equation_ratio_count(1.33, 50), 67);    // 66.5
    assert_int_equal(equation_ratio_count(2.03, 50), 102);   // 101.5; in binary 101.49999999999998579
    assert_int_equal(equation_ratio_count(1.15, 10), 12);    // 11.5
    assert_int_equal(equation_ratio_count(0.145, 100), 15);  // 14.5
    assert_int_equal(equation_ratio_count(1.005, 100), 101); // 100.5
    assert_int_equal(equation_ratio_count(1.3299999999999, 50), 66);
    assert_int_equal(equation_ratio_count(3, 15), 45);
    assert_int_equal(equation_ratio_count(1e6, 1000000), 1000000000000);
    assert_int_equal(equation_ratio_count(1.5e-5, 100000), 2); // 1.5
    assert_int_equal(equation_ratio_count(1e-300, 1000000), 0);
}

// ---- --set ----

static void test_set_fixes(void **state)
{
    (void)state;
    struct sweep *sweep = create_one_set(BASE "training: {steps: 5}\n", "steps=7");
    assert_int_equal(sweep->runs, 1);
    assert_int_equal(sweep->run[0].training.steps, 7);
    sweep_destroy(&sweep);

    sweep = create_one_set(BASE, "network.encoder=[8, 16]");
    assert_int_equal(sweep->runs, 1);
    assert_int_equal(sweep->run[0].model.encoder.count, 2);
    assert_int_equal(sweep->run[0].model.encoder.width[1], 16);
    sweep_destroy(&sweep);
}

static void test_set_drops_an_axis(void **state)
{
    (void)state;
    struct sweep *sweep = create_one_set(BASE "axes: {seed: [1, 2], embed_dim: [8, 16, 32]}\n", "seed=9");
    assert_int_equal(sweep->runs, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sweep->run[i].training.seed, 9);
        assert_int_equal(sweep->run[i].model.embed_dim, 8 << i);
    }
    sweep_destroy(&sweep);
}

static void test_set_makes_an_axis(void **state)
{
    (void)state;
    struct sweep *sweep = create_one_set(BASE "axes: {seed: [1, 2]}\n", "encoder=[[8], [16]]");
    assert_int_equal(sweep->runs, 4);
    assert_int_equal(sweep->run[1].training.seed, 1); // a new axis is the last, and so the fastest
    assert_int_equal(sweep->run[1].model.encoder.width[0], 16);
    sweep_destroy(&sweep);

    sweep = create_one_set(BASE "axes: {seed: [1, 2], embed_dim: [8, 16]}\n", "seed=[5, 6, 7]");
    assert_int_equal(sweep->runs, 6);
    assert_int_equal(sweep->run[1].training.seed, 5); // one that was there keeps its place
    assert_int_equal(sweep->run[1].model.embed_dim, 16);
    assert_int_equal(sweep->run[5].training.seed, 7);
    sweep_destroy(&sweep);
}

static void test_set_is_repeatable(void **state)
{
    (void)state;
    const char *set[] = {"seed=5", "steps=[10, 20]", "seed=6", "steps=30"};
    struct sweep *sweep = create_set(BASE, 4, set);
    assert_int_equal(sweep->runs, 1);
    assert_int_equal(sweep->run[0].training.seed, 6);
    assert_int_equal(sweep->run[0].training.steps, 30);
    sweep_destroy(&sweep);
}

static void test_set_generators(void **state)
{
    (void)state;
    const char *text =
        "name: t\n"
        "equation_ratio: 2\n"
        "axes:\n"
        "  generator: [{inputs: 4, hidden: [10], init: lecun}, {inputs: 9, hidden: [5], init: normal}]\n";
    struct sweep *sweep = create_one_set(text, "generator={inputs: 2, hidden: [5]}");
    assert_int_equal(sweep->runs, 1);
    assert_int_equal(sweep->run[0].unknowns, 15);
    sweep_destroy(&sweep);

    sweep = create_one_set(
        text, "generator=[{inputs: 2, hidden: [5]}, {inputs: 2, hidden: [6]}, {inputs: 3, hidden: [5]}]");
    assert_int_equal(sweep->runs, 3);
    assert_int_equal(sweep->run[2].unknowns, 20);
    sweep_destroy(&sweep);

    sweep = create_one_set(text, "generator.init=normal"); // leaves the shapes where they are
    assert_int_equal(sweep->runs, 2);
    assert_int_equal(sweep->run[0].task.generator.inputs, 4);
    assert_int_equal(sweep->run[0].task.generator.init, INIT_NORMAL);
    assert_int_equal(sweep->run[1].task.generator.inputs, 9);
    sweep_destroy(&sweep);
}

// An exclusion without effect because of --set is no error: the file is valid, and --set selects a part of
// it.
static void test_set_may_make_exclusions_idle(void **state)
{
    (void)state;
    const char *text = BASE "axes: {seed: [1, 2], embed_dim: [8, 16]}\nexclude: [{seed: 1, embed_dim: 8}]\n";
    struct sweep *sweep = create(text);
    assert_int_equal(sweep->runs, 3);
    sweep_destroy(&sweep);
    sweep = create_one_set(text, "seed=5");
    assert_int_equal(sweep->runs, 2);
    assert_null(strstr(sweep->resolved, "exclude"));
    sweep_destroy(&sweep);
    sweep = create_one_set(text, "seed=1");
    assert_int_equal(sweep->runs, 1);
    sweep_destroy(&sweep);
}

// ---- resolved ----

static void test_resolved_has_every_setting(void **state)
{
    (void)state;
    struct sweep *sweep = create("name: \"a \\\"name\\\"\"\n"
                                 "axes:\n"
                                 "  equation_ratio: [1.33, 2]\n"
                                 "  encoder: [[128, 256], [64]]\n"
                                 "  embed_dim: [64]\n"
                                 "unknowns: 15\n"
                                 "exclude:\n"
                                 "  - {encoder: [64], equation_ratio: 2}\n");
    assert_string_equal(sweep->resolved, "name: \"a \\\"name\\\"\"\n"
                                         "axes:\n"
                                         "  equation_ratio: [1.33, 2]\n"
                                         "  network.encoder: [[128, 256], [64]]\n"
                                         "exclude:\n"
                                         "  - {equation_ratio: 2, network.encoder: [64]}\n"
                                         "task: mlp-inverse\n"
                                         "model: deep-sets\n"
                                         "unknowns: 15\n"
                                         "embed_dim: 64\n"
                                         "pooling: mean\n"
                                         "seed: 1\n"
                                         "equation_range: []\n"
                                         "generator:\n"
                                         "  init: lecun\n"
                                         "  activation: relu\n"
                                         "  outputs: 1\n"
                                         "training:\n"
                                         "  steps: 30000\n"
                                         "  batch: 1024\n"
                                         "  shards: 16\n"
                                         "  optimizer: adam\n"
                                         "  learning_rate: 0.001\n"
                                         "  schedule: constant\n"
                                         "  warmup_steps: 0\n"
                                         "  eval_points: 1\n"
                                         "  objective: functional\n"
                                         "  noise: 0\n"
                                         "  inputs: normal\n"
                                         "  precision: fp32\n"
                                         "network:\n"
                                         "  decoder: [256, 128]\n"
                                         "  hidden: [256, 256, 256]\n"
                                         "  heads: 4\n"
                                         "  queries: 1\n"
                                         "  refinements: 0\n"
                                         "  refine_from: prediction\n"
                                         "evaluation:\n"
                                         "  every: 500\n"
                                         "  generators: 16384\n"
                                         "  inputs: []\n"
                                         "  set_sizes: []\n"
                                         "  noise: []\n"
                                         "  direct_fit: 0\n"
                                         "  fit_starts: 8\n"
                                         "  fit_iterations: 40\n"
                                         "  refine: []\n");
    sweep_destroy(&sweep);
}

static void test_resolved_reads_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        BASE,
        "name: 'yes: [no]'\nunknowns: 50\naxes: {equation_ratio: [1.33, 2, 3], learning_rate: [1e-4, "
        "0.1234567]}\n",
        "name: t\nequation_ratio: 2\ngenerator: {inputs: 9, hidden: [5], init: normal}\n",
        "name: t\nunknowns: 15\naxes: {equations: [20, 30]}\nexclude: [{equations: 20}]\n",
        BASE "evaluation: {inputs: [wide], noise: [0.1, 0.30]}\n",
        BASE "axes: {training.noise: [0, 0.3, [0, 1]], training.inputs: [normal, shifted]}\n",
        BASE "training: {noise: [0.1, 0.3], inputs: wide}\n",
        BASE "axes: {set_sizes: [[20], [20, 45]], evaluation.inputs: [[], [uniform, wide]]}\n",
        "name: t\nequation_ratio: 2\naxes:\n  generator: [{inputs: 4, hidden: [10]}, {inputs: 9, hidden: "
        "[5]}]\n"
        "  seed: [1, 2]\nexclude: [{seed: 2, generator.inputs: 9}, {seed: 1, generator.inputs: 4}]\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct sweep *sweep = create(texts[i]), *again = create(sweep->resolved);
        assert_string_equal(again->resolved, sweep->resolved);
        assert_int_equal(again->runs, sweep->runs);
        for (int64_t j = 0; j < sweep->runs; j++)
            assert_memory_equal(&again->run[j], &sweep->run[j], sizeof *sweep->run);
        sweep_destroy(&sweep);
        sweep_destroy(&again);
    }
}

static void test_resolved_does_not_depend_on_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *text, *set;
    } same[] = {
        {"name: t\nunknowns: 15\naxes: {equation_ratio: [2, 3]}\ntraining: {steps: 100, learning_rate: "
         "1e-2}\n"
         "exclude: [{steps: 100, equation_ratio: 2}]\n",
         NULL},
        {"# a comment\ntraining:\n  learning_rate: 0.01\n  steps: 100\n  batch: 1024\nexclude:\n"
         "- equation_ratio: 2.0\n  training.steps: 100\naxes:\n  equation_ratio:\n  - 2.00\n  - 3\nname: "
         "'t'\n"
         "unknowns: 15\nmodel: deep-sets\nnetwork:\n",
         NULL},
        {"name: t\nunknowns: 15\naxes: {equation_ratio: [2, 3], steps: [100], learning_rate: [0.010]}\n"
         "exclude: [{steps: 100, equation_ratio: 2}, {equation_ratio: 2, steps: 100}]\n",
         NULL},
        {"name: t\nunknowns: 15\naxes: {equation_ratio: [2, 3]}\ntraining: {steps: 5, learning_rate: 1e-2}\n"
         "exclude: [{steps: 100, equation_ratio: 2}]\n",
         "steps=100"},
    };
    struct sweep *first = create_set(same[0].text, 0, NULL);
    for (size_t i = 1; i < sizeof same / sizeof *same; i++) {
        struct sweep *other = create_set(same[i].text, same[i].set ? 1 : 0, &same[i].set);
        assert_string_equal(other->resolved, first->resolved);
        sweep_destroy(&other);
    }
    struct sweep *other = create_one_set(same[0].text, "learning_rate=0.011");
    assert_string_not_equal(other->resolved, first->resolved);
    sweep_destroy(&other);
    sweep_destroy(&first);
}

// ---- columns and costs ----

static void test_columns(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum column_type type;
        const char *units;
    } expected[] = {
        {"run_id", COLUMN_TEXT, "1"},
        {"task", COLUMN_TEXT, "1"},
        {"model", COLUMN_TEXT, "1"},
        {"unknowns", COLUMN_INT, "1"},
        {"equation_ratio", COLUMN_REAL, "1"},
        {"equations", COLUMN_INT, "1"},
        {"embed_dim", COLUMN_INT, "1"},
        {"pooling", COLUMN_TEXT, "1"},
        {"seed", COLUMN_INT, "1"},
        {"equation_range", COLUMN_LIST, "1"},
        {"generator_inputs", COLUMN_INT, "1"},
        {"generator_hidden", COLUMN_LIST, "1"},
        {"generator_init", COLUMN_TEXT, "1"},
        {"generator_activation", COLUMN_TEXT, "1"},
        {"generator_outputs", COLUMN_INT, "1"},
        {"steps", COLUMN_INT, "steps"},
        {"batch", COLUMN_INT, "1"},
        {"shards", COLUMN_INT, "1"},
        {"optimizer", COLUMN_TEXT, "1"},
        {"learning_rate", COLUMN_REAL, "1"},
        {"schedule", COLUMN_TEXT, "1"},
        {"warmup_steps", COLUMN_INT, "steps"},
        {"eval_points", COLUMN_INT, "1"},
        {"objective", COLUMN_TEXT, "1"},
        {"training_noise", COLUMN_LIST, "1"},
        {"training_inputs", COLUMN_TEXT, "1"},
        {"precision", COLUMN_TEXT, "1"},
        {"encoder", COLUMN_LIST, "1"},
        {"decoder", COLUMN_LIST, "1"},
        {"network_hidden", COLUMN_LIST, "1"},
        {"heads", COLUMN_INT, "1"},
        {"queries", COLUMN_INT, "1"},
        {"refinements", COLUMN_INT, "1"},
        {"refine_from", COLUMN_TEXT, "1"},
        {"evaluation_every", COLUMN_INT, "steps"},
        {"evaluation_generators", COLUMN_INT, "1"},
        {"evaluation_inputs", COLUMN_LIST, "1"},
        {"evaluation_set_sizes", COLUMN_LIST, "1"},
        {"evaluation_noise", COLUMN_LIST, "1"},
        {"evaluation_direct_fit", COLUMN_INT, "1"},
        {"evaluation_fit_starts", COLUMN_INT, "1"},
        {"evaluation_fit_iterations", COLUMN_INT, "1"},
        {"evaluation_refine", COLUMN_LIST, "1"},
        {"parameters", COLUMN_INT, "1"},
        {"flops_per_step", COLUMN_REAL, "FLOP"},
    };
    struct sweep *sweep = create("name: t\naxes: {unknowns: [15, 50]}\nequation_ratio: 1.33\n");
    struct column_table table;
    sweep_columns(sweep, &table);
    assert_int_equal(table.rows, 2);
    assert_int_equal(table.count, sizeof expected / sizeof *expected);
    for (int i = 0; i < table.count; i++) {
        assert_string_equal(table.columns[i].name, expected[i].name);
        assert_int_equal(table.columns[i].type, expected[i].type);
        assert_string_equal(table.columns[i].units, expected[i].units);
        assert_true(strlen(table.columns[i].long_name) > 3);
    }
    assert_string_equal(column_find(&table, "run_id")->texts[1], sweep->run[1].id);
    assert_int_equal(column_find(&table, "equations")->ints[1], 67);
    assert_string_equal(column_find(&table, "generator_hidden")->texts[1], "10");
    assert_string_equal(column_find(&table, "encoder")->texts[0], "128,256");
    assert_string_equal(column_find(&table, "optimizer")->texts[0], "adam");
    assert_true(column_find(&table, "equation_ratio")->reals[0] == 1.33);
    assert_int_equal(column_find(&table, "parameters")->ints[0], 134287);
    column_table_free(&table);
    sweep_destroy(&sweep);
}

// FLOPs of the default step, counted by hand: 99,072 multiply-adds per pair, and the layers after pooling.
static void test_costs(void **state)
{
    (void)state;
    struct sweep *sweep = create("name: t\nunknowns: 15\nequation_ratio: 3\n");
    const struct run_cost *cost = &sweep->run[0].cost;
    double pairs = 2.0 * 99072 * 45 * 1024,
           after = 2.0 * 3 * (256 * 128 + 128 * 256 + 256 * 128 + 128 * 15) * 1024;
    assert_true(pairs > 9.12e9 && pairs < 9.14e9);
    assert_true(after > 0.61e9 && after < 0.63e9);
    assert_true(cost->flops_per_step == pairs + after);
    assert_int_equal(cost->parameters, 512 + 33024 + 32896 + 33024 + 32896 + 1935);
    assert_int_equal(cost->model_bytes, 4 * cost->parameters);
    assert_true(cost->checkpoint_bytes >= 2 * 3 * cost->model_bytes);
    assert_true(cost->memory_bytes > 3 * cost->model_bytes);
    // One more at the end, where weights are matched.
    double evaluations = 61.0 * 16384 * 2 * (33152.0 * 45 + 256 * 128 + 128 * 256 + 256 * 128 + 128 * 15);
    double regressions = 16384.0 * 3 * 45 * (3 * 3 + 6 * 6); // affine and quadratic
    assert_true(cost->flops == 30000 * cost->flops_per_step + evaluations + regressions);
    sweep_destroy(&sweep);

    sweep = create("name: t\nunknowns: 15\nequation_ratio: 3\ntraining: {optimizer: muon}\n");
    double newton_schulz = sweep->run[0].cost.flops_per_step - (pairs + after);
    assert_true(newton_schulz > 0.41e9 && newton_schulz < 0.44e9);
    sweep_destroy(&sweep);
}

static void test_files_of_the_repository(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int runs, equations;
    } files[] = {{"sweeps/quick.yaml", 3, 45},
                 {"sweeps/seed-table.yaml", 15, 150},
                 {"sweeps/seed-table-fp32.yaml", 3, 45},
                 {"sweeps/pooling.yaml", 36, 150},
                 {"sweeps/embedding.yaml", 30, 150},
                 {"sweeps/best.yaml", 2, 150},
                 {"sweeps/best-long.yaml", 1, 150},
                 {"sweeps/embedding-x-pooling.yaml", 15, 150},
                 {"sweeps/optimizer.yaml", 16, 45},
                 {"sweeps/forward-linear-vs-x-linear.yaml", 8, 1},
                 {"sweeps/forward-x-linear-vs-res-linear.yaml", 20, 1},
                 {"sweeps/linear-inverse-equations.yaml", 8, 6},
                 {"sweeps/naive-inverse.yaml", 4, 30},
                 {"sweeps/nonlinearity.yaml", 8, 54},
                 {"sweeps/set-size.yaml", 3, 45},
                 {"sweeps/seed-table-fp32-seeds.yaml", 2, 20},
                 {"sweeps/seed-embedding.yaml", 5, 45},
                 {"sweeps/seed-pooling.yaml", 5, 45},
                 {"sweeps/scale.yaml", 10, 600}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *text = NULL;
        assert_int_equal(sweep_read(files[i].path, &text), STATUS_OK);
        struct sweep *sweep = create(text);
        assert_int_equal(sweep->runs, files[i].runs);
        assert_int_equal(sweep->run[sweep->runs - 1].task.equations, files[i].equations);
        sweep_destroy(&sweep);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_with_an_exponent),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_setting_can_be_set),
        cmocka_unit_test(test_the_last_axis_is_fastest),
        cmocka_unit_test(test_any_setting_can_be_an_axis),
        cmocka_unit_test(test_exclude),
        cmocka_unit_test(test_exclude_comes_before_checks),
        cmocka_unit_test(test_a_large_grid),
        cmocka_unit_test(test_shape_rule),
        cmocka_unit_test(test_generator_instead_of_unknowns),
        cmocka_unit_test(test_any_generator),
        cmocka_unit_test(test_linear_generators),
        cmocka_unit_test(test_equation_range),
        cmocka_unit_test(test_generators_as_an_axis),
        cmocka_unit_test(test_equations_round_in_decimal),
        cmocka_unit_test(test_set_fixes),
        cmocka_unit_test(test_set_drops_an_axis),
        cmocka_unit_test(test_set_makes_an_axis),
        cmocka_unit_test(test_set_is_repeatable),
        cmocka_unit_test(test_set_generators),
        cmocka_unit_test(test_set_may_make_exclusions_idle),
        cmocka_unit_test(test_resolved_has_every_setting),
        cmocka_unit_test(test_resolved_reads_back),
        cmocka_unit_test(test_resolved_does_not_depend_on_spelling),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_files_of_the_repository),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
