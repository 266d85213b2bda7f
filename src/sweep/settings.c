#include "sweep/settings.h"

#include "base/joined.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define WORD(NAME, word, ...) word,
static const char *const tasks[] = {TASKS(WORD) NULL};
static const char *const models[] = {MODELS(WORD) NULL};
static const char *const poolings[] = {POOLINGS(WORD) NULL};
static const char *const inits[] = {"lecun", "normal", NULL};
static const char *const activations[] = {"relu", "leaky-relu", "tanh", "gelu", NULL};
static const char *const objectives[] = {"functional", "weights", NULL};
static const char *const optimizers[] = {"adam", "muon", NULL};
static const char *const schedules[] = {"constant", "cosine", NULL};
static const char *const distributions[] = {"normal", "uniform", "wide", "shifted", NULL};
static const char *const refine_from[] = {"prediction", "least-squares", NULL};
static const char *const precisions[] = {"fp32", "bf16", NULL};

#define FIELD(member)                                                                                        \
    .offset = offsetof(struct run_spec, member), .size = sizeof((struct run_spec *)0)->member
#define INTEGER(member, default_, min_, max_)                                                                \
    .type = SETTING_INTEGER, .default_text = default_, .min = min_, .max = max_, FIELD(member)
#define REAL(member, default_, above, max_)                                                                  \
    .type = SETTING_REAL, .default_text = default_, .min = above, .max = max_, FIELD(member)
#define CHOICE(member, default_, choices_)                                                                   \
    .type = SETTING_CHOICE, .default_text = default_, .choices = choices_, FIELD(member)
#define JOINED(member, default_, choices_, joins_)                                                           \
    .type = SETTING_JOINED, .default_text = default_, .choices = choices_, .joins = joins_, FIELD(member)
#define WIDTHS(member, default_, longest, max_)                                                              \
    .type = SETTING_WIDTHS, .default_text = default_, .max_widths = longest, .min = 1, .max = max_,          \
    FIELD(member)
#define REALS(member, default_, above, max_)                                                                 \
    .type = SETTING_REALS, .default_text = default_, .max_widths = REALS_MAX, .min = above, .max = max_,     \
    FIELD(member)
#define AMOUNT(member, default_, min_, max_)                                                                 \
    .type = SETTING_AMOUNT, .default_text = default_, .max_widths = 2, .min = min_, .max = max_, FIELD(member)
#define CHOICES(member, default_, choices_)                                                                  \
    .type = SETTING_CHOICES, .default_text = default_, .choices = choices_, FIELD(member)

// Each row: group, key, column of the results file, units, long_name; then the field of struct run_spec, the
// default and the limits. Upper limits exclude overflow. Seeds end at 2^53, the largest integer that all JSON
// readers represent exactly.
// clang-format off
const struct setting settings[SETTINGS] = {
    [SETTING_TASK] = {
        GROUP_TOP, "task", "task", "1", "learning task",
        CHOICE(task.kind, "mlp-inverse", tasks)},
    [SETTING_MODEL] = {
        GROUP_TOP, "model", "model", "1", "model that is trained",
        CHOICE(model.kind, "deep-sets", models)},
    [SETTING_UNKNOWNS] = {
        GROUP_TOP, "unknowns", "unknowns", "1", "weights of a generator",
        INTEGER(unknowns, NULL, 1, 1e6), .outside_id = true},
    [SETTING_EQUATION_RATIO] = {
        GROUP_TOP, "equation_ratio", "equation_ratio", "1", "equations per unknown",
        REAL(equation_ratio, NULL, 0, 1e6), .outside_id = true},
    [SETTING_EQUATIONS] = {
        GROUP_TOP, "equations", "equations", "1", "equations (pairs) of a set",
        INTEGER(task.equations, NULL, 1, 1e6)},
    [SETTING_EMBED_DIM] = {
        GROUP_TOP, "embed_dim", "embed_dim", "1", "width of the embedding",
        INTEGER(model.embed_dim, "128", 1, 65536), .models = MODELS_OF_SETS},
    [SETTING_POOLING] = {
        GROUP_TOP, "pooling", "pooling", "1", "pooling over the pairs of a set",
        JOINED(model.pooling, "mean", poolings, POOLINGS_TO_JOIN), .models = MODELS_OF_SETS},
    [SETTING_SEED] = {
        GROUP_TOP, "seed", "seed", "1", "seed of all random numbers",
        INTEGER(training.seed, "1", 0, 9007199254740992)},
    [SETTING_EQUATION_RANGE] = {
        GROUP_TOP, "equation_range", "equation_range", "1",
        "range of equations per set, drawn anew at each training step",
        WIDTHS(task.equation_range, "[]", 2, 1e6), .may_be_empty = true, .range = true},

    [SETTING_GENERATOR_INPUTS] = {
        GROUP_GENERATOR, "inputs", "generator_inputs", "1", "inputs of a generator",
        INTEGER(task.generator.inputs, NULL, 1, 4096)},
    [SETTING_GENERATOR_HIDDEN] = {
        GROUP_GENERATOR, "hidden", "generator_hidden", "1", "hidden widths of a generator",
        WIDTHS(task.generator.hidden, NULL, WIDTHS_MAX, 4096)},
    [SETTING_GENERATOR_INIT] = {
        GROUP_GENERATOR, "init", "generator_init", "1", "distribution of a generator's weights",
        CHOICE(task.generator.init, "lecun", inits)},
    [SETTING_GENERATOR_ACTIVATION] = {
        GROUP_GENERATOR, "activation", "generator_activation", "1",
        "activation of a generator's hidden units",
        CHOICE(task.generator.activation, "relu", activations), .tasks = TASKS_OF_NETWORKS},
    [SETTING_GENERATOR_OUTPUTS] = {
        GROUP_GENERATOR, "outputs", "generator_outputs", "1", "outputs of a generator",
        INTEGER(task.generator.outputs, "1", 1, 4096)},

    [SETTING_STEPS] = {
        GROUP_TRAINING, "steps", "steps", "steps", "training steps",
        INTEGER(training.steps, "30000", 1, 1e12)},
    [SETTING_BATCH] = {
        GROUP_TRAINING, "batch", "batch", "1", "generators per training step",
        INTEGER(training.batch, "1024", 1, 1 << 24)},
    [SETTING_SHARDS] = {
        GROUP_TRAINING, "shards", "shards", "1",
        "micro-batches per batch; also the maximum number of ranks per run",
        INTEGER(training.shards, "16", 1, 65536), .power_of_two = true},
    [SETTING_OPTIMIZER] = {
        GROUP_TRAINING, "optimizer", "optimizer", "1", "optimizer",
        CHOICE(training.optimizer, "adam", optimizers)},
    [SETTING_LEARNING_RATE] = {
        GROUP_TRAINING, "learning_rate", "learning_rate", "1", "learning rate",
        REAL(training.learning_rate, "1e-3", 0, 100)},
    [SETTING_SCHEDULE] = {
        GROUP_TRAINING, "schedule", "schedule", "1", "schedule of the learning rate",
        CHOICE(training.schedule, "constant", schedules)},
    [SETTING_WARMUP_STEPS] = {
        GROUP_TRAINING, "warmup_steps", "warmup_steps", "steps", "steps in which the learning rate rises",
        INTEGER(training.warmup_steps, "0", 0, 1e12)},
    [SETTING_EVAL_POINTS] = {
        GROUP_TRAINING, "eval_points", "eval_points", "1",
        "evaluation inputs per generator in the functional loss",
        INTEGER(task.eval_points, "1", 1, 65536)},
    [SETTING_OBJECTIVE] = {
        GROUP_TRAINING, "objective", "objective", "1",
        "loss of mlp-inverse: error of the outputs or of the weights",
        CHOICE(task.objective, "functional", objectives)},
    [SETTING_TRAINING_NOISE] = {
        GROUP_TRAINING, "noise", "training_noise", "1",
        "noise on y in training, in standard deviations of a set's y; [min, max]: drawn per set",
        AMOUNT(task.training_noise, "0", 0, 1000), .tasks = TASKS_OF_PAIRS},
    [SETTING_TRAINING_INPUTS] = {
        GROUP_TRAINING, "inputs", "training_inputs", "1",
        "distribution of the inputs x, in training and in evaluations",
        CHOICE(task.inputs, "normal", distributions)},
    [SETTING_PRECISION] = {
        GROUP_TRAINING, "precision", "precision", "1", "floating-point precision of matrix products",
        CHOICE(model.precision, "fp32", precisions)},

    [SETTING_ENCODER] = {
        GROUP_NETWORK, "encoder", "encoder", "1", "hidden widths of the pair encoder",
        WIDTHS(model.encoder, "[128, 256]", WIDTHS_MAX, 65536), .models = MODELS_OF_SETS},
    [SETTING_DECODER] = {
        GROUP_NETWORK, "decoder", "decoder", "1", "hidden widths of the decoder",
        WIDTHS(model.decoder, "[256, 128]", WIDTHS_MAX, 65536), .models = MODELS_OF_SETS},
    [SETTING_NETWORK_HIDDEN] = {
        GROUP_NETWORK, "hidden", "network_hidden", "1", "hidden widths of a flat model",
        WIDTHS(model.hidden, "[256, 256, 256]", WIDTHS_MAX, 65536), .models = MODELS_OF_ROWS},
    [SETTING_HEADS] = {
        GROUP_NETWORK, "heads", "heads", "1", "attention heads; must divide embed_dim",
        INTEGER(model.heads, "4", 1, 65536), .models = MODELS_OF_SETS, .poolings = POOLINGS_WITH_QUERIES},
    [SETTING_QUERIES] = {
        GROUP_NETWORK, "queries", "queries", "1", "learned queries of attention pooling",
        INTEGER(model.queries, "1", 1, 4096), .models = MODELS_OF_SETS, .poolings = POOLINGS_WITH_QUERIES},
    [SETTING_REFINEMENTS] = {
        GROUP_NETWORK, "refinements", "refinements", "1",
        "networks after the first that correct its prediction from the residuals of the pairs",
        INTEGER(model.refinements, "0", 0, REFINEMENTS_MAX), .tasks = FUNCTIONAL_TASKS,
        .models = MODELS_OF_SETS},
    [SETTING_REFINE_FROM] = {
        GROUP_NETWORK, "refine_from", "refine_from", "1",
        "where a refinement begins: at the prediction, or after a least-squares step from it",
        CHOICE(model.refine_from, "prediction", refine_from), .tasks = FUNCTIONAL_TASKS,
        .models = MODELS_OF_SETS, .with = SETTING_REFINEMENTS},

    [SETTING_EVALUATION_EVERY] = {
        GROUP_EVALUATION, "every", "evaluation_every", "steps", "steps between two evaluations",
        INTEGER(training.evaluate_every, "500", 1, 1e12)},
    [SETTING_EVALUATION_GENERATORS] = {
        GROUP_EVALUATION, "generators", "evaluation_generators", "1", "held-out generators per evaluation",
        INTEGER(training.evaluation_generators, "16384", 2, 1 << 24)},
    [SETTING_EVALUATION_INPUTS] = {
        GROUP_EVALUATION, "inputs", "evaluation_inputs", "1",
        "other distributions of the inputs x in the final evaluation",
        CHOICES(training.extra.inputs, "[]", distributions), .may_be_empty = true, .distinct = true},
    [SETTING_EVALUATION_SET_SIZES] = {
        GROUP_EVALUATION, "set_sizes", "evaluation_set_sizes", "1",
        "other numbers of equations per set in the final evaluation",
        WIDTHS(training.extra.set_sizes, "[]", WIDTHS_MAX, 1e6), .may_be_empty = true, .distinct = true,
        .models = MODELS_OF_SETS},
    [SETTING_EVALUATION_NOISE] = {
        GROUP_EVALUATION, "noise", "evaluation_noise", "1",
        "noise on y in the final evaluation, in standard deviations of a set's y (none with one pair)",
        REALS(training.extra.noise, "[]", 0, 1000), .may_be_empty = true, .distinct = true,
        .tasks = TASKS_OF_PAIRS},
    [SETTING_EVALUATION_DIRECT_FIT] = {
        GROUP_EVALUATION, "direct_fit", "evaluation_direct_fit", "1",
        "held-out generators fitted one by one in the final evaluation",
        INTEGER(training.extra.direct_fit, "0", 0, 1 << 24), .tasks = FUNCTIONAL_TASKS},
    [SETTING_EVALUATION_FIT_STARTS] = {
        GROUP_EVALUATION, "fit_starts", "evaluation_fit_starts", "1",
        "random starts per direct fit; the best by its objective counts",
        INTEGER(training.extra.fit_starts, "8", 1, 65536), .tasks = FUNCTIONAL_TASKS,
        .with = SETTING_EVALUATION_DIRECT_FIT},
    [SETTING_EVALUATION_FIT_ITERATIONS] = {
        GROUP_EVALUATION, "fit_iterations", "evaluation_fit_iterations", "1",
        "Levenberg-Marquardt iterations per start of a direct fit",
        INTEGER(training.extra.fit_iterations, "40", 1, 65536), .tasks = FUNCTIONAL_TASKS,
        .with = SETTING_EVALUATION_DIRECT_FIT},
    [SETTING_EVALUATION_REFINE] = {
        GROUP_EVALUATION, "refine", "evaluation_refine", "1",
        "numbers of Levenberg-Marquardt iterations from the model's predictions in the final evaluation",
        WIDTHS(training.extra.refine, "[]", WIDTHS_MAX, 65536), .may_be_empty = true, .distinct = true,
        .tasks = FUNCTIONAL_TASKS},
};
// clang-format on

const char *const setting_groups[GROUPS] = {NULL, "generator", "training", "network", "evaluation"};

const char *settings_name(enum setting_id id)
{
    static char names[SETTINGS][64]; // filled at first use
    const char *group = setting_groups[settings[id].group];
    if (!group)
        return settings[id].key;
    snprintf(names[id], sizeof names[id], "%s.%s", group, settings[id].key);
    return names[id];
}

enum setting_id settings_find(enum setting_group group, const char *key)
{
    for (enum setting_id id = 0; id < SETTINGS; id++)
        if (settings[id].group == group && strcmp(settings[id].key, key) == 0)
            return id;
    return SETTINGS;
}

int settings_sharing(const char *key, enum setting_group *group)
{
    int count = 0;
    for (enum setting_group candidate = 0; candidate < GROUPS; candidate++)
        if (settings_find(candidate, key) != SETTINGS)
            if (count++ == 0)
                *group = candidate;
    return count;
}

const char *settings_joined(enum setting_id id, int code, char word[SETTINGS_WORD])
{
    int choices[JOINED_MAX], count = joined_list(code, choices);
    char *end = word;
    for (int i = 0; i < count; i++)
        end += snprintf(end, (size_t)(word + SETTINGS_WORD - end), "%s%s", i > 0 ? "+" : "",
                        settings_choice(id, choices[i]));
    return word;
}

bool settings_is_list(enum setting_id id)
{
    enum setting_type type = settings[id].type;
    return type == SETTING_WIDTHS || type == SETTING_REALS || type == SETTING_CHOICES;
}

void settings_print_choices(enum setting_id id, unsigned which, struct text *text)
{
    const char *const *choices = settings[id].choices;
    bool any = false;
    for (int i = 0; choices[i]; i++, which >>= 1) {
        if (which & 1)
            text_format(text, "%s`%s`", !any ? "" : which > 1 && choices[i + 1] ? ", " : " or ", choices[i]);
        any = any || which & 1;
    }
}

bool settings_enabled(enum setting_id id, const struct run_spec *run)
{
    enum setting_id with = settings[id].with;
    return with == SETTING_TASK || *(const int *)((const char *)run + settings[with].offset) > 0;
}

bool settings_used(enum setting_id id, const struct run_spec *run)
{
    const struct setting *setting = &settings[id];
    return (setting->tasks == 0 || (setting->tasks & 1u << run->task.kind) != 0) &&
           (setting->models == 0 || (setting->models & 1u << run->model.kind) != 0) &&
           (setting->poolings == 0 || (setting->poolings & joined_bits((int)run->model.pooling)) != 0) &&
           settings_enabled(id, run);
}
