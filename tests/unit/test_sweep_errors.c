// Every error of a sweep file: the reported line and message, and no other report.
#include "base/status.h"
#include "base/text.h"
#include "sweep/equation_ratio.h"
#include "sweep/resolve.h"
#include "sweep/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// The required settings only: a case adds its lines from line 4 on.
#define BASE "name: t\nunknowns: 15\nequation_ratio: 2\n"

struct mistaken {
    const char *text;
    const char *message; // the beginning of the only line of the message
};

static int lines_of(const char *message)
{
    int lines = *message != '\0';
    for (; *message; message++)
        lines += *message == '\n';
    return lines;
}

static void expect_message(const char *text, const char *set, const char *message)
{
    struct sweep *sweep = NULL;
    enum status status = sweep_create("f.yaml", text, set ? 1 : 0, &set, &sweep);
    if (status != STATUS_USAGE || strncmp(status_message(), message, strlen(message)) != 0 ||
        lines_of(status_message()) != 1)
        fail_msg("for\n%s--set %s\nexpected\n%s\ngot\n%s", text, set ? set : "-", message,
                 status == STATUS_OK ? "no error" : status_message());
    assert_null(sweep);
}

#define EXPECT_ALL(cases)                                                                                    \
    for (size_t i = 0; i < sizeof(cases) / sizeof *(cases); i++)                                             \
    expect_message((cases)[i].text, NULL, (cases)[i].message)

static void test_yaml(void **state)
{
    (void)state;
    static const struct mistaken cases[] = {
        {"name: t\nunknowns: [15\nseed: 1\n", "f.yaml:3: not valid YAML: did not find expected ',' or ']'"},
        {"name: t\n\tunknowns: 15\n", "f.yaml:2: not valid YAML: found a tab character"},
        {"name: t\nunknowns: 15\nequation_ratio: \xff\n", "f.yaml:3: not valid YAML: "},
        {"", "f.yaml:1: an empty value; expected a sweep: a mapping"},
        {"# nothing\n", "f.yaml:1: an empty value; expected a sweep: a mapping"},
        {"\n- 1\n", "f.yaml:2: a list; expected a sweep: a mapping"},
        {BASE "unknowns: 50\n", "f.yaml:4: unknowns: the key is here a second time; line 2 has it first"},
        {BASE "training:\n  steps: 5\n  steps: 6\n",
         "f.yaml:6: steps: the key is here a second time; line 5"},
        {BASE "---\nname: u\n", "f.yaml:5: a second YAML document starts here; expected one"},
        {BASE "seed: &a 3\nembed_dim: *a\n", "f.yaml:5: an alias; expected the value itself"},
        {BASE "seed: !!int 3\n", "f.yaml:4: a tag; expected a value without one"},
        {BASE "seed: [[[[[[[[[[3]]]]]]]]]]\n", "f.yaml:4: lists or mappings too deep in each other"},
        {BASE "[a]: 3\n", "f.yaml:4: a key is a list or a mapping; expected a name"},
    };
    EXPECT_ALL(cases);
}

static void test_keys(void **state)
{
    (void)state;
    static const struct mistaken cases[] = {
        {BASE "training:\n  stps: 5\n",
         "f.yaml:5: training.stps: unknown key; expected one of `steps`, `batch`"},
        {BASE "frobnicate: 5\n", "f.yaml:4: frobnicate: unknown key; expected one of `task`, `model`"},
        {BASE "steps: 5\n", "f.yaml:4: steps: is in the wrong place; expected it under `training:`"},
        {BASE "training: {seed: 5}\n",
         "f.yaml:4: training.seed: is in the wrong place; expected `seed` at top"},
        {BASE "axes:\n  hidden: [[5]]\n", "f.yaml:5: hidden: more than one group has this key; expected "
                                          "`generator.hidden` or `network.hidden`"},
        {BASE "axes:\n  inputs: [2]\n", "f.yaml:5: inputs: more than one group has this key; expected "
                                        "`generator.inputs` or `training.inputs` or `evaluation.inputs`"},
        {BASE "axes:\n  noise: [0, 0.1]\n", "f.yaml:5: noise: more than one group has this key; expected "
                                            "`training.noise` or `evaluation.noise`"},
        {BASE "axes:\n  network.steps: [5]\n", "f.yaml:5: network.steps: unknown setting; expected one"},
        {BASE "axes:\n  training: [5]\n", "f.yaml:5: training: unknown setting; expected one"},
        {BASE "axes:\n  name: [a]\n", "f.yaml:5: name: unknown setting; expected one"},
        {BASE "training: 5\n", "f.yaml:4: training: `5`; expected a mapping of settings"},
        {BASE "axes: [5]\n", "f.yaml:4: axes: a list; expected a mapping from settings to lists"},
        {BASE "generator: [5]\n", "f.yaml:4: generator: a list; expected one mapping here"},
        {BASE "exclude: {seed: 1}\n", "f.yaml:4: exclude: a mapping; expected a list of mappings"},
    };
    EXPECT_ALL(cases);
}

// The end of the line names what was probably meant.
static void test_nearest_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *end;
    } cases[] = {
        {BASE "training:\n  stps: 5\n", "did you mean `steps`?"},
        {BASE "training:\n  learning-rate: 5\n", "did you mean `learning_rate`?"},
        {BASE "training:\n  warmup: 5\n", "did you mean `warmup_steps`?"},
        {BASE "Seed: 5\n", "did you mean `seed`?"},
        {BASE "equation: 30\n", "did you mean `equations`?"},
        {BASE "axis: {seed: [1]}\n", "did you mean `axes`?"},
        {BASE "trainign: {}\n", "did you mean `training`?"},
        {BASE "axes:\n  embed-dim: [5]\n", "did you mean `embed_dim`?"},
        {BASE "axes:\n  networks.hidden: [[5]]\n", "did you mean `network.hidden`?"},
        {BASE "axes:\n  training.seed: [5]\n", "did you mean `seed`?"},
        {BASE "training: {optimizer: adams}\n", "expected `adam` or `muon`; did you mean `adam`?"},
        {BASE "model: deepsets\n", "; did you mean `deep-sets`?"},
        {BASE "axes:\n  frobnicate: [5]\n", "expected one that `weightsweep plan --help` lists"},
        {BASE "training: {optimizer: sgd}\n", "unknown value `sgd`; expected `adam` or `muon`"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sweep *sweep;
        assert_int_equal(sweep_create("f.yaml", cases[i].text, 0, NULL, &sweep), STATUS_USAGE);
        const char *message = status_message();
        size_t length = strlen(message), tail = strlen(cases[i].end);
        assert_true(length > tail);
        assert_string_equal(message + length - tail, cases[i].end);
    }
}

static void test_values(void **state)
{
    (void)state;
    static const struct mistaken cases[] = {
        {BASE "training: {steps: 0}\n",
         "f.yaml:4: training.steps: `0` is too small; expected an integer from 1 to 1000000000000"},
        {BASE "evaluation: {inputs: [uniforn]}\n",
         "f.yaml:4: evaluation.inputs: unknown value `uniforn`; expected a list of `normal`, `uniform`, "
         "`wide` or `shifted`; did you mean `uniform`?"},
        {BASE "evaluation: {inputs: wide}\n", "f.yaml:4: evaluation.inputs: `wide` is not a list; expected"},
        {BASE "evaluation: {noise: [0.1, 0]}\n", "f.yaml:4: evaluation.noise: `0` is too small; expected a "
                                                 "list of up to 8 numbers above 0 and at most 1000"},
        {BASE "training: {noise: -1}\n",
         "f.yaml:4: training.noise: `-1` is too small; expected a number, or [min, max], from 0 to 1000"},
        {BASE "training: {noise: [1, 0.5]}\n",
         "f.yaml:4: training.noise: a list starts above its end; expected a number, or [min, max]"},
        {BASE "training: {noise: [0, 0.1, 0.3]}\n",
         "f.yaml:4: training.noise: a list; expected one value here; several make an axis, under `axes:`"},
        {BASE "axes: {training.noise: [[0, 0.1, 0.3]]}\n",
         "f.yaml:4: training.noise: a list is not [min, max]; expected a number, or [min, max]"},
        {BASE "task: mlp-forward\nmodel: linear\ntraining: {noise: 1}\n",
         "f.yaml:6: training.noise: is not used by `mlp-forward`; expected it only with task "},
        {BASE "evaluation: {set_sizes: [0]}\n", "f.yaml:4: evaluation.set_sizes: `0` is too small; expected "
                                                "a list of 0 to 8 integers from 1 to 1000000"},
        {BASE "training: {steps: -5}\n", "f.yaml:4: training.steps: `-5` is too small; expected"},
        {BASE "training: {steps: many}\n", "f.yaml:4: training.steps: `many` is not an integer; expected"},
        {BASE "training: {steps: 1.5}\n", "f.yaml:4: training.steps: `1.5` is not an integer; expected"},
        {BASE "training: {steps: 1e-3}\n", "f.yaml:4: training.steps: `1e-3` is not an integer; expected"},
        {BASE "training: {steps: 1e400}\n", "f.yaml:4: training.steps: `1e400` is too large; expected"},
        {BASE "training: {steps: 0x10}\n", "f.yaml:4: training.steps: `0x10` is not an integer; expected"},
        {BASE "training: {learning_rate: 0x1p-3}\n",
         "f.yaml:4: training.learning_rate: `0x1p-3` is not a number; expected"},
        {BASE "pooling: \"max\\0imum\"\n", "f.yaml:4: a text with a NUL byte in it; expected"},
        {BASE "\"pool\\0ing\": max\n", "f.yaml:4: a text with a NUL byte in it; expected"},
        {BASE "# caf\xe9-i\n",
         "f.yaml:4: not valid YAML: a character that is not UTF-8; expected text in UTF-8"},
        {BASE "# \xff\n", "f.yaml:4: not valid YAML: a character that is not UTF-8; expected text in UTF-8"},
        {BASE "training: {steps: \"5\"}\n", "f.yaml:4: training.steps: `\"5\"` is not an integer; expected"},
        {BASE "training:\n  steps:\n",
         "f.yaml:5: training.steps: an empty value is not an integer; expected"},
        {BASE "training: {steps: {a: 1}}\n",
         "f.yaml:4: training.steps: a mapping is not an integer; expected"},
        {BASE "training: {steps: [5, 6]}\n",
         "f.yaml:4: training.steps: a list; expected one value here; several make an axis, under `axes:`"},
        {BASE "seed: 99999999999999999999\n",
         "f.yaml:4: seed: `99999999999999999999` is too large; expected"},
        {BASE "seed: 9007199254740993\n", "f.yaml:4: seed: `9007199254740993` is too large; expected"},
        {BASE "seed: -1\n",
         "f.yaml:4: seed: `-1` is too small; expected an integer from 0 to 9007199254740992"},
        {BASE "training: {batch: 3000000000}\n",
         "f.yaml:4: training.batch: `3000000000` is too large; expected"},
        {BASE "training: {shards: 12}\n",
         "f.yaml:4: training.shards: `12` is not a power of two; expected a power of two from 1 to 65536"},
        {BASE "training: {learning_rate: fast}\n", "f.yaml:4: training.learning_rate: `fast` is not a "
                                                   "number; expected a number above 0 and at most 100"},
        {BASE "training: {learning_rate: 0}\n",
         "f.yaml:4: training.learning_rate: `0` is too small; expected"},
        {BASE "training: {learning_rate: .nan}\n",
         "f.yaml:4: training.learning_rate: `.nan` is not finite; expected"},
        {BASE "training: {learning_rate: -.inf}\n",
         "f.yaml:4: training.learning_rate: `-.inf` is not finite; expected"},
        {BASE "training: {learning_rate: 1e999}\n",
         "f.yaml:4: training.learning_rate: `1e999` is too large; expected"},
        {BASE "evaluation: {set_sizes: [5, 7, 5]}\n",
         "f.yaml:4: evaluation.set_sizes: `5` is in the list twice; expected"},
        {BASE "evaluation: {refine: [1, 1]}\n",
         "f.yaml:4: evaluation.refine: `1` is in the list twice; expected"},
        {BASE "evaluation: {noise: [0.1, 0.10]}\n",
         "f.yaml:4: evaluation.noise: `0.10` is in the list twice; expected"},
        {BASE "evaluation: {inputs: [uniform, uniform]}\n",
         "f.yaml:4: evaluation.inputs: `uniform` is in the list twice; expected"},
        {BASE "evaluation: {fit_starts: 3}\n",
         "f.yaml:4: evaluation.fit_starts: is used only with evaluation.direct_fit above 0; expected"},
        {BASE "evaluation: {fit_iterations: 4}\n",
         "f.yaml:4: evaluation.fit_iterations: is used only with evaluation.direct_fit above 0; expected"},
        {BASE "network: {refine_from: least-squares}\n",
         "f.yaml:4: network.refine_from: is used only with network.refinements above 0; expected"},
        {BASE "training: {optimizer: sgd}\n",
         "f.yaml:4: training.optimizer: unknown value `sgd`; expected `adam` or `muon`"},
        {BASE "training: {optimizer: [adam]}\n", "f.yaml:4: training.optimizer: a list; expected one value"},
        {BASE "network: {encoder: 128}\n", "f.yaml:4: network.encoder: `128` is not a list; expected a list "
                                           "of 1 to 8 integers from 1 to 65536"},
        {BASE "network: {encoder: []}\n", "f.yaml:4: network.encoder: a list is empty; expected"},
        {BASE "network: {encoder: [1, 2, 3, 4, 5, 6, 7, 8, 9]}\n",
         "f.yaml:4: network.encoder: a list is too long; expected"},
        {BASE "network:\n  encoder: [128,\n    0]\n",
         "f.yaml:6: network.encoder: `0` is too small; expected"},
        {BASE "network: {encoder: [[128], [64]]}\n", "f.yaml:4: network.encoder: a list; expected one value"},
        {"unknowns: 15\nequation_ratio: 2\n", "f.yaml:1: name: is missing; expected a short text"},
        {"name: ''\nunknowns: 15\nequation_ratio: 2\n",
         "f.yaml:1: name: an empty text; expected a text of 1"},
        {"name: [a]\nunknowns: 15\nequation_ratio: 2\n",
         "f.yaml:1: name: a list; expected a text of 1 to 80"},
        {"name: \"a\\nb\"\nunknowns: 15\nequation_ratio: 2\n", "f.yaml:1: name: `\"a...\"`; expected"},
    };
    EXPECT_ALL(cases);
}

static void test_axes(void **state)
{
    (void)state;
    static const struct mistaken cases[] = {
        {BASE "axes:\n  seed: []\n", "f.yaml:5: seed: an empty axis; expected a list of values"},
        {BASE "axes:\n  seed: 3\n", "f.yaml:5: seed: `3`; expected a list of values"},
        {BASE "axes:\n  seed: [1,\n    2,\n    1]\n",
         "f.yaml:7: seed: `1` is in the axis twice; expected different values"},
        {BASE "axes:\n  learning_rate: [1e-3, 0.001]\n",
         "f.yaml:5: training.learning_rate: `0.001` is in the axis twice"},
        {BASE "axes:\n  encoder: [[8, 9], [8], [8, 9]]\n",
         "f.yaml:5: network.encoder: `[8, 9]` is in the axis twice"},
        {BASE "axes:\n  encoder: [128, 256]\n",
         "f.yaml:5: network.encoder: one list; expected a list of values, each of them a list"},
        {BASE "axes:\n  batch: [256,\n    -5]\n", "f.yaml:6: training.batch: `-5` is too small; expected"},
        {BASE "axes:\n  unknowns: [15]\n", "f.yaml:5: unknowns: is given a second time; line 2 has it first"},
        {BASE "axes:\n  steps: [5]\n  training.steps: [6]\n",
         "f.yaml:6: training.steps: is given a second time; line 5 has it first"},
        {BASE "axes:\n  steps: [5]\ntraining:\n  steps: 6\n",
         "f.yaml:7: training.steps: is given a second time; line 5 has it first"},
        {"name: t\nequation_ratio: 2\naxes:\n  generator: [5]\n",
         "f.yaml:4: generator: `5`; expected a mapping such as {inputs: 2, hidden: [5]}"},
        {"name: t\nequation_ratio: 2\naxes:\n  generator: [{inputs: 2}]\n",
         "f.yaml:4: generator: a shape is missing; expected a mapping such as"},
        {"name: t\nequation_ratio: 2\naxes:\n  generator:\n    - {inputs: 2, hidden: [5]}\n    - {inputs: 2, "
         "hidden: [5]}\n",
         "f.yaml:6: generator: `2, [5]` is in the axis twice"},
    };
    EXPECT_ALL(cases);
}

static void test_a_grid_too_large(void **state)
{
    (void)state;
    struct text text = {0};
    text_add(&text, BASE "axes:\n");
    static const char *const axes[] = {"seed", "steps", "warmup_steps"};
    for (int i = 0; i < 3; i++) {
        text_format(&text, "  %s: [1", axes[i]);
        for (int value = 2; value <= (i == 2 ? 101 : 100); value++)
            text_format(&text, ", %d", value);
        text_add(&text, "]\n");
    }
    expect_message(text.chars, NULL, "f.yaml:5: axes: make more than 1000000 runs; expected a smaller grid");
    text_free(&text);
}

static void test_exclude(void **state)
{
    (void)state;
    static const struct mistaken cases[] = {
        {BASE "axes: {seed: [1, 2]}\nexclude:\n  - {seed: 1}\n  - {seed: 3}\n",
         "f.yaml:7: exclude: leaves nothing out; expected values that occur together in the grid"},
        {BASE "axes: {seed: [1, 2]}\nexclude:\n  - {sede: 1}\n", "f.yaml:6: sede: unknown setting; expected"},
        {BASE "axes: {seed: [1, 2]}\nexclude:\n  - {seed: one}\n", "f.yaml:6: seed: `one` is not an integer"},
        {BASE "axes: {seed: [1, 2]}\nexclude:\n  - {}\n",
         "f.yaml:6: exclude: a mapping; expected a mapping such"},
        {BASE "axes: {seed: [1, 2]}\nexclude:\n  - 5\n",
         "f.yaml:6: exclude: `5`; expected a mapping such as"},
        {BASE "axes: {seed: [1, 2]}\nexclude:\n  - {seed: 1}\n  - {seed: 2}\n",
         "f.yaml:6: exclude: leaves everything out; expected at least one run to remain"},
    };
    EXPECT_ALL(cases);
}

static void test_generators(void **state)
{
    (void)state;
    static const struct mistaken cases[] = {
        {"name: t\n\nunknowns: 7\nequation_ratio: 2\n",
         "f.yaml:3: unknowns: no generator has 7 unknowns, (d + 1) h with d, h >= 2; expected 6 or 8, say"},
        {"name: t\nunknowns: 5\nequation_ratio: 2\n", "f.yaml:2: unknowns: no generator has 5 unknowns"},
        {"name: t\nequation_ratio: 2\n", "f.yaml:1: unknowns: is missing; expected the number of weights"},
        {"name: t\nunknowns: 15\n", "f.yaml:1: equation_ratio: is missing; expected the number of equations"},
        {"name: t\nequation_ratio: 2\ngenerator: {inputs: 2}\n", "f.yaml:1: generator.hidden: is missing"},
        {"name: t\nequation_ratio: 2\ngenerator: {hidden: [5]}\n", "f.yaml:1: generator.inputs: is missing"},
        {BASE "generator:\n  inputs: 2\n  hidden: [6]\n",
         "f.yaml:6: generator.hidden: this generator has 18 unknowns, but `unknowns` says 15; expected only "
         "one"},
        {"name: t\nequation_ratio: 2\ngenerator: {inputs: 4096, hidden: [4096]}\n",
         "f.yaml:3: generator.hidden: this generator has 16781312 unknowns; expected at most 1000000"},
        {"name: t\nunknowns: 15\n\nequation_ratio: 0.03\n",
         "f.yaml:4: equation_ratio: 0.03 gives 0 equations with 15 unknowns; expected at least 0.0334"},
        {"name: t\nunknowns: 15\nequation_ratio: 1e-300\n",
         "f.yaml:3: equation_ratio: 1e-300 gives 0 equations"},
        {"name: t\nunknowns: 15\nequation_ratio: 1e6\n",
         "f.yaml:3: equation_ratio: 1e+06 gives 15000000 equations with 15 unknowns; expected at most "
         "1000000"},
        {BASE "equations: 30\n",
         "f.yaml:4: equations: is set, and `equation_ratio` too; expected only one of the two"},
        {"name: t\nunknowns: 15\nequations: 0\n",
         "f.yaml:3: equations: `0` is too small; expected an integer from 1 to 1000000"},
        {"name: t\nunknowns: 15\nequations: 1e6\ntraining: {shards: 1}\n",
         "f.yaml:3: equations: the pairs of a shard would have"},
    };
    EXPECT_ALL(cases);
}

static void test_unused_settings_are_errors(void **state)
{
    (void)state;
    static const struct mistaken cases[] = {
        {BASE "training:\n  batch: 1000\n",
         "f.yaml:5: training.batch: a batch of 1000 is not a multiple of 16 shards; expected, say, 1008"},
        {BASE "training:\n  shards: 2048\n",
         "f.yaml:5: training.shards: a batch of 1024 is not a multiple of 2048 shards; expected, say, 2048"},
        {BASE "training:\n  shards: 8\naxes:\n  batch: [64,\n    100]\n",
         "f.yaml:8: training.batch: a batch of 100 is not a multiple of 8 shards; expected, say, 104"},
        {BASE "network:\n  hidden: [64]\n", "f.yaml:5: network.hidden: is not used by `deep-sets`; expected "
                                            "it only with model `linear`, `x-linear`"},
        {BASE "axes:\n  network.hidden: [[64], [32]]\n",
         "f.yaml:5: network.hidden: is not used by `deep-sets`"},
        {BASE "pooling: max\nnetwork: {heads: 8}\n",
         "f.yaml:5: network.heads: is not used by `max`; expected it only with pooling `attention`"},
        {BASE "pooling: max+mean\nnetwork: {heads: 8}\n",
         "f.yaml:5: network.heads: is not used by `max+mean`; expected it only with pooling `attention`"},
        {BASE "pooling: max+mean+max\n", "f.yaml:4: pooling: `max+mean+max` has a word twice; expected "},
        {BASE "pooling: max+maen\n", "f.yaml:4: pooling: unknown value `maen`; expected "},
        {BASE "pooling: max+\n", "f.yaml:4: pooling: an empty value is not a name; expected"},
        {BASE "pooling: max+attention\n", "f.yaml:4: pooling: `attention` cannot be joined with another "
                                          "pooling; expected it alone, or `mean`"},
        {BASE "model: linear\nnetwork: {refinements: 2}\n",
         "f.yaml:5: network.refinements: is not used by `linear`; expected it only with model `deep-sets`"},
        {BASE "task: linear-inverse\nnetwork: {refinements: 2}\n",
         "f.yaml:5: network.refinements: is not used by `linear-inverse`; expected it only with task "
         "`mlp-inverse`"},
        {BASE "network: {refinements: 8}\n",
         "f.yaml:4: network.refinements: `8` is too large; expected an integer from 0 to 7"},
        {BASE "task: linear-inverse\ngenerator: {activation: tanh}\n",
         "f.yaml:5: generator.activation: is not used by `linear-inverse`"},
        {BASE "task: linear-inverse\nevaluation:\n  direct_fit: 2\n",
         "f.yaml:6: evaluation.direct_fit: is not used by `linear-inverse`; expected it only with task "
         "`mlp-inverse`"},
        {BASE "pooling: attention\nnetwork: {heads: 5}\n",
         "f.yaml:5: network.heads: 5 heads cannot share an embedding of 128 evenly; expected a divisor, such "
         "as 4"},
        {BASE "pooling: attention\nembed_dim: 6\n",
         "f.yaml:5: embed_dim: 4 heads cannot share an embedding of 6 evenly; expected a divisor, such as 3"},
        {BASE "training:\n  steps: 100000000\nevaluation:\n  every: 1\n",
         "f.yaml:7: evaluation.every: 100000000 steps, evaluated every 1, make curves of 100000000 points"},
        {BASE "network:\n  encoder: [65536, 65536]\n",
         "f.yaml:5: network.encoder: the model would have 4.3e+09 elements; expected at most 2147483647"},
        {"name: t\nequation_ratio: 60000\nunknowns: 15\naxes:\n  encoder: [[4096]]\n",
         "f.yaml:5: network.encoder: a layer's output for one set would have 3.69e+09 elements; expected at "
         "most"},
        {BASE "training: {batch: 16777216, shards: 1, eval_points: 65536}\n",
         "f.yaml:4: training.eval_points: the evaluation points of a shard would have 2.2e+12 elements"},
        {"name: t\nunknowns: 15\naxes:\n  equation_ratio: [1.33,\n    1.34]\n",
         "f.yaml:5: equation_ratio: 1.33 and 1.34 make the same run, of 15 unknowns and 20 equations; "
         "expected runs"},
    };
    EXPECT_ALL(cases);
}

// A model and a task that will not fit even when both are there.
static void test_task_and_model(void **state)
{
    (void)state;
    struct sweep *sweep;
    const char *text = BASE "task: mlp-forward\n";
    assert_int_equal(sweep_create("f.yaml", text, 0, NULL, &sweep), STATUS_USAGE);
    assert_non_null(strstr(
        status_message(),
        "f.yaml:4: task: `deep-sets` reads a set of pairs, and `mlp-forward` has none; expected `linear`"));
}

// Settings that only some tasks, models and generators use.
static void test_tasks(void **state)
{
    (void)state;
    static const struct mistaken cases[] = {
        {"name: t\nunknowns: 3\nequation_ratio: 2\ntask: linear-inverse\ngenerator: {inputs: 3, hidden: "
         "[4]}\n",
         "f.yaml:5: generator.hidden: the generators of `linear-inverse` are linear, with one output; "
         "expected `unknowns` alone"},
        {"name: t\nunknowns: 3\nequation_ratio: 2\ntask: linear-inverse\ngenerator: {outputs: 2}\n",
         "f.yaml:5: generator.outputs: the generators of `linear-inverse` are linear, with one output"},
        {"name: t\nunknowns: 3\nequation_ratio: 2\ntask: linear-inverse\ngenerator: {inputs: 4}\n",
         "f.yaml:5: generator.inputs: a linear generator of 4 inputs has as many unknowns, but `unknowns` "
         "says 3"},
        {"name: t\nunknowns: 17\nequation_ratio: 2\ngenerator: {outputs: 4}\n",
         "f.yaml:2: unknowns: no generator has 17 unknowns, (d + 4) h with d, h >= 2; expected 16 or 18, "
         "say"},
        {BASE "generator: {activation: swish}\n", "f.yaml:4: generator.activation: unknown value `swish`; "
                                                  "expected `relu`, `leaky-relu`, `tanh` or `gelu`"},
        {BASE "training: {objective: weight}\n",
         "f.yaml:4: training.objective: unknown value `weight`; expected `functional` or `weights`; did you "
         "mean `weights`?"},
        {BASE "equation_range: [45]\n", "f.yaml:4: equation_range: a list is too short; expected [min, max], "
                                        "two integers from 1 to 1000000"},
        {BASE "equation_range: [45, 20]\n",
         "f.yaml:4: equation_range: a list starts above its end; expected"},
        {BASE "equation_range: 20\n", "f.yaml:4: equation_range: `20` is not a list; expected [min, max]"},
        {BASE "equation_range: [0, 20]\n", "f.yaml:4: equation_range: `0` is too small; expected"},
        {BASE "equation_range: [20, 45]\nmodel: linear\n",
         "f.yaml:4: equation_range: `linear` reads a fixed number of pairs; expected model `deep-sets`, or "
         "no range"},
        {BASE "model: x-linear\naxes: {seed: [1, 2]}\nequation_range: [20, 45]\n",
         "f.yaml:6: equation_range: `x-linear` reads a fixed number of pairs; expected model `deep-sets`, or "
         "no range"},
        {BASE "axes:\n  model: [deep-sets, res-linear]\nequation_range: [20, 45]\n",
         "f.yaml:6: equation_range: `res-linear` reads a fixed number of pairs; expected model `deep-sets`, "
         "or no range"},
    };
    EXPECT_ALL(cases);
}

// An error of the file is reported once, not once per run.
static void test_error_of_the_file_is_reported_once(void **state)
{
    (void)state;
    struct text text = {0};
    text_add(&text, BASE "training: {batch: 1000}\naxes:\n  seed: [0");
    for (int seed = 1; seed < 1000; seed++)
        text_format(&text, ", %d", seed);
    text_add(&text, "]\n");
    expect_message(text.chars, NULL,
                   "f.yaml:4: training.batch: a batch of 1000 is not a multiple of 16 shards");
    text_free(&text);
}

// All at once, in the order of the lines, those of --set last.
static void test_all_errors_are_reported_together(void **state)
{
    (void)state;
    const char *text = "name: t\n"
                       "unknowns: 7\n"
                       "equation_ratio: 2\n"
                       "axes:\n"
                       "  embed_dim: []\n"
                       "training:\n"
                       "  stps: 5\n"
                       "  batch: 1000\n"
                       "  learning_rate: .inf\n"
                       "exclude:\n"
                       "  - {pooling: mean, unknowns: 15}\n";
    const char *set[] = {"steps=0", "sed=3"};
    static const char *const lines[] = {
        "f.yaml:2: unknowns: no generator has 7 unknowns",
        "f.yaml:5: embed_dim: an empty axis",
        "f.yaml:7: training.stps: unknown key",
        "f.yaml:8: training.batch: a batch of 1000",
        "f.yaml:9: training.learning_rate: `.inf` is not finite",
        "f.yaml:11: exclude: leaves nothing out",
        "--set steps: `0` is too small",
        "--set sed: unknown setting",
    };
    struct sweep *sweep;
    assert_int_equal(sweep_create("f.yaml", text, 2, set, &sweep), STATUS_USAGE);
    const char *line = status_message();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_non_null(line);
        if (strncmp(line, lines[i], strlen(lines[i])) != 0)
            fail_msg("expected\n%s\ngot\n%s", lines[i], line);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    assert_null(line);
}

static void test_thousands_are_cut_short(void **state)
{
    (void)state;
    struct text text = {0};
    text_add(&text, BASE "axes:\n  seed: [x0");
    for (int i = 1; i < 1000; i++)
        text_format(&text, ", x%d", i);
    text_add(&text, "]\n");
    struct sweep *sweep;
    assert_int_equal(sweep_create("f.yaml", text.chars, 0, NULL, &sweep), STATUS_USAGE);
    assert_int_equal(lines_of(status_message()), 101);
    assert_non_null(strstr(status_message(), "\n... and 900 more"));
    text_free(&text);
}

static void test_set(void **state)
{
    (void)state;
    static const struct {
        const char *set, *message;
    } cases[] = {
        {"steps", "--set steps: a value is missing; expected KEY=VALUE"},
        {"stps=5", "--set stps: unknown setting; expected one that `weightsweep plan --help` lists; did you"},
        {"hidden=[5]", "--set hidden: more than one group has this key; expected `generator.hidden`"},
        {"steps=", "--set steps: an empty value is not an integer; expected"},
        {"steps=[", "--set steps: not valid YAML: "},
        {"steps=[]", "--set steps: an empty axis; expected"},
        {"steps=[5, 5]", "--set steps: `5` is in the axis twice"},
        {"training.batch=1000", "--set training.batch: a batch of 1000 is not a multiple of 16 shards"},
        {"unknowns=7", "--set unknowns: no generator has 7 unknowns"},
        {"encoder=128", "--set encoder: `128` is not a list; expected"},
        {"name=x", "--set name: unknown setting"},
        {"generator={inputs: 0, hidden: [5]}",
         "--set generator: generator.inputs: `0` is too small; expected"},
        {"generator.hidden=[5]", "--set generator.hidden: generator.inputs: is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_message(BASE, cases[i].set, cases[i].message);
}

// No model without hidden matrices is there yet, so this one is made by hand: one layer each side would be
// enough.
static void test_muon_without_hidden_matrices(void **state)
{
    (void)state;
    struct model_spec model = {.kind = MODEL_DEEP_SETS,
                               .pair_width = 3,
                               .pairs = 30,
                               .embed_dim = 8,
                               .encoder = {.count = 1, .width = {4}},
                               .decoder = {.count = 1, .width = {4}},
                               .outputs = 15};
    struct tensor_table table;
    model_tensors(&model, &table);
    assert_true(resolve_muon_fits(&table));
    for (int i = 0; i < table.count; i++)
        table.tensors[i].hidden_matrix = false;
    assert_false(resolve_muon_fits(&table));
}

// The limit that a message names is one that passes, and a little less is not.
static void test_ratio_limits_pass(void **state)
{
    (void)state;
    static const int unknowns[] = {3, 6, 7, 15, 50, 99, 999983, 1000000};
    for (size_t i = 0; i < sizeof unknowns / sizeof *unknowns; i++) {
        char text[120];
        struct sweep *sweep = NULL;
        snprintf(text, sizeof text,
                 "name: t\ntask: linear-inverse\nmodel: linear\nunknowns: %d\nequation_ratio: 1e-8\n",
                 unknowns[i]);
        assert_int_equal(sweep_create("f.yaml", text, 0, NULL, &sweep), STATUS_USAGE);
        const char *limit = strstr(status_message(), "expected at least ");
        assert_non_null(limit);
        double ratio = strtod(limit + strlen("expected at least "), NULL);
        assert_int_equal(equation_ratio_count(ratio, unknowns[i]), 1);
        assert_int_equal(equation_ratio_count(0.989 * ratio, unknowns[i]), 0);
    }
}

// Sets of the extra evaluations are larger than those of training.
static void test_set_sizes_count(void **state)
{
    (void)state;
    static const struct mistaken cases[] = {
        {BASE "training: {batch: 16384, shards: 1}\nevaluation: {set_sizes: [10, 1000000]}\n",
         "f.yaml:5: evaluation.set_sizes: the pairs of a shard would have 4.92e+10 elements; expected at "
         "most 2147483647"},
        {BASE "network: {encoder: [4096]}\nevaluation: {set_sizes: [1000000]}\n",
         "f.yaml:5: evaluation.set_sizes: a layer's output for one set would have 4.1e+09 elements; "
         "expected"},
    };
    EXPECT_ALL(cases);
}

static void test_files(void **state)
{
    (void)state;
    char *text;
    assert_int_equal(sweep_read("no/such.yaml", &text), STATUS_USAGE);
    assert_string_equal(status_message(), "no/such.yaml: cannot be opened: No such file or directory");
    assert_null(text);
    assert_int_equal(sweep_read("/", &text), STATUS_USAGE);
    assert_int_equal(sweep_read("/bin/sh", &text), STATUS_USAGE);
    assert_string_equal(
        status_message(),
        "/bin/sh: holds NUL bytes, so it is not text; expected a sweep file in YAML and UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_nearest_names),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_a_grid_too_large),
        cmocka_unit_test(test_exclude),
        cmocka_unit_test(test_generators),
        cmocka_unit_test(test_unused_settings_are_errors),
        cmocka_unit_test(test_task_and_model),
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_error_of_the_file_is_reported_once),
        cmocka_unit_test(test_all_errors_are_reported_together),
        cmocka_unit_test(test_thousands_are_cut_short),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_muon_without_hidden_matrices),
        cmocka_unit_test(test_ratio_limits_pass),
        cmocka_unit_test(test_set_sizes_count),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
