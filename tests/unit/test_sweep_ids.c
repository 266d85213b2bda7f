// Run ids: results files out there are found again by them, so they may never change.
#include "base/status.h"
#include "base/text.h"
#include "sweep/canonical.h"
#include "sweep/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// The id of the only run of a sweep.
static void id_of(const char *text, char id[13])
{
    struct sweep *sweep = NULL;
    if (sweep_create("f.yaml", text, 0, NULL, &sweep) != STATUS_OK)
        fail_msg("%s\n%s", text, status_message());
    assert_int_equal(sweep->runs, 1);
    memcpy(id, sweep->run[0].id, 13);
    sweep_destroy(&sweep);
}

static void expect_id(const char *text, const char *expected)
{
    char id[13];
    id_of(text, id);
    assert_string_equal(id, expected);
}

#define SEED_CELL  "db99bc622a61" // 15 unknowns, 20 equations, all else at its default
#define QUICK_CELL "b8854636993b" // the first run of sweeps/quick.yaml

static void test_ids_are_constant(void **state)
{
    (void)state;
    expect_id("name: t\nunknowns: 15\nequation_ratio: 1.33\n", SEED_CELL);
    expect_id("name: t\n"
              "unknowns: 15\n"
              "equation_ratio: 1.33\n"
              "training: {steps: 2500, batch: 256, shards: 4, optimizer: muon, learning_rate: 4e-3, "
              "schedule: cosine, warmup_steps: 200, eval_points: 16}\n",
              QUICK_CELL);
}

// However it is written, in whatever sweep.
static void test_same_run_same_id(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "name: other\nequation_ratio: 1.33\nunknowns: 15\n",
        "name: t\nunknowns: 15\nequation_ratio: 1.330\ntraining:\n  # as ever\n  steps: 30000\n",
        "name: t\nunknowns: 15\nequation_ratio: 1.330\ntraining:\n  # as ever\n  learning_rate: 0.001\n",
        "name: t\nunknowns: 15\nequation_ratio: 1.34\n", // 20 equations as well
        "name: t\nunknowns: 15\nequations: 20\n",
        "name: t\ngenerator: {hidden: [5], inputs: 2, init: lecun}\nequation_ratio: 1.33\n",
        "name: t\naxes: {unknowns: [15], equation_ratio: [1.33], seed: [1], encoder: [[128, 256]]}\n",
        "name: t\naxes: {seed: [1, 2], unknowns: [15]}\nequation_ratio: 1.33\nexclude: [{seed: 2}]\n",
        "name: t\nunknowns: 15\nequation_ratio: 1.33\nnetwork: {hidden: [256, 256, 256]}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_id(texts[i], SEED_CELL);
}

// A spreadsheet takes 123456789012, 1234567890e1 and 0e1234567890 for numbers.
static void test_ids_begin_with_a_letter(void **state)
{
    (void)state;
    for (int seed = 0; seed < 2000; seed++) {
        char sweep[80], id[13];
        snprintf(sweep, sizeof sweep, "name: i\nunknowns: 15\nequation_ratio: 2\nseed: %d\n", seed);
        id_of(sweep, id);
        assert_in_range(id[0], 'a', 'f');
        assert_int_equal(strspn(id, "0123456789abcdef"), 12);
    }
}

static void test_every_setting_counts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", // the run itself
        "seed: 2\n",
        "embed_dim: 64\n",
        "generator: {init: normal}\n",
        "training: {steps: 30001}\n",
        "training: {batch: 512}\n",
        "training: {shards: 8}\n",
        "training: {optimizer: muon}\n",
        "training: {learning_rate: 1.0000000000000002e-3}\n",
        "training: {schedule: cosine}\n",
        "training: {warmup_steps: 1}\n",
        "training: {eval_points: 2}\n",
        "training: {objective: weights}\n",
        "generator: {activation: tanh}\n",
        "equation_range: [20, 45]\n",
        "equation_range: [20, 46]\n",
        "network: {encoder: [128]}\n",
        "pooling: max\n",
        "pooling: attention\n",
        "pooling: attention\nnetwork: {heads: 8}\n",
        "pooling: attention\nnetwork: {queries: 8}\n",
        "network: {encoder: [12, 8256]}\n",
        "network: {decoder: [128, 256]}\n",
        "evaluation: {every: 100}\n",
        "evaluation: {generators: 100}\n",
    };
    enum { COUNT = sizeof texts / sizeof *texts };
    char ids[COUNT][13];
    for (int i = 0; i < COUNT; i++) {
        struct text text = {0};
        text_format(&text, "name: t\nunknowns: 15\nequation_ratio: 1.33\n%s", texts[i]);
        id_of(text.chars, ids[i]);
        text_free(&text);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
    }
}

static void test_shapes_of_equal_size_differ(void **state)
{
    (void)state;
    char one[13], other[13];
    id_of("name: t\ngenerator: {inputs: 4, hidden: [10]}\nequation_ratio: 2\n", one);
    id_of("name: t\ngenerator: {inputs: 9, hidden: [5]}\nequation_ratio: 2\n", other);
    assert_string_not_equal(one, other);
}

// The text that the id hashes: sorted, without defaults, without equation_ratio and the shape rule.
static void test_canonical_text(void **state)
{
    (void)state;
    struct sweep *sweep = NULL;
    const char *text =
        "name: t\nunknowns: 50\nequation_ratio: 2.03\nseed: 3\n"
        "training: {learning_rate: 2.5e-4}\nnetwork: {encoder: [8, 16]}\nevaluation: {every: 100}\n";
    assert_int_equal(sweep_create("f.yaml", text, 0, NULL, &sweep), STATUS_OK);
    struct text canonical = {0};
    canonical_run(&sweep->run[0], &canonical);
    assert_string_equal(canonical.chars, "encoder=8,16\n"
                                         "equations=102\n"
                                         "evaluation_every=100\n"
                                         "generator_hidden=10\n"
                                         "generator_inputs=4\n"
                                         "learning_rate=0.00025\n"
                                         "seed=3\n");
    text_free(&canonical);
    sweep_destroy(&sweep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_constant),
        cmocka_unit_test(test_same_run_same_id),
        cmocka_unit_test(test_ids_begin_with_a_letter),
        cmocka_unit_test(test_every_setting_counts),
        cmocka_unit_test(test_shapes_of_equal_size_differ),
        cmocka_unit_test(test_canonical_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
