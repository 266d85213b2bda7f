#include "sweep/settings.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

// What is false here has a name and a place, and an implementation still to come.
static const struct choice tasks[] = {
    {"mlp-forward", false}, {"linear-inverse", false}, {"mlp-inverse", true}, {0}};
static const struct choice models[] = {
    {"linear", false}, {"x-linear", false}, {"res-linear", false}, {"deep-sets", true}, {0}};
static const struct choice poolings[] = {{"mean", true},     {"sum", false},       {"max", false},
                                         {"moments", false}, {"attention", false}, {0}};
static const struct choice inits[] = {{"lecun", true}, {"normal", true}, {0}};
static const struct choice optimizers[] = {{"adam", true}, {"muon", true}, {0}};
static const struct choice schedules[] = {{"constant", true}, {"cosine", true}, {0}};
static const struct choice precisions[] = {{"fp32", true}, {"bf16", false}, {0}};

static const struct {
    enum setting_group group;
    const char *key;
} later[] = {
    {GROUP_TOP, "equation_range"}, {GROUP_TRAINING, "objective"},   {GROUP_NETWORK, "heads"},
    {GROUP_NETWORK, "queries"},    {GROUP_GENERATOR, "activation"}, {GROUP_GENERATOR, "outputs"},
    {GROUP_EVALUATION, "inputs"},  {GROUP_EVALUATION, "noise"},     {GROUP_EVALUATION, "set_sizes"},
};

enum {
    SETS = 1u << MODEL_DEEP_SETS,
    FLAT = 1u << MODEL_LINEAR | 1u << MODEL_X_LINEAR | 1u << MODEL_RES_LINEAR,
};

#define FIELD(member)                                                                                        \
    .offset = offsetof(struct run_spec, member), .size = sizeof((struct run_spec *)0)->member

// Upper limits are far beyond use and far below overflow; the one of the seed is what every JSON reader keeps
// exactly.
const struct setting settings[SETTINGS] = {
    [SETTING_TASK] = {"task", GROUP_TOP, SETTING_CHOICE, "mlp-inverse", .choices = tasks, .column = "task",
                      .units = "1", .long_name = "what is to be learned", FIELD(task.kind)},
    [SETTING_MODEL] = {"model", GROUP_TOP, SETTING_CHOICE, "deep-sets", .choices = models, .column = "model",
                       .units = "1", .long_name = "the network that learns", FIELD(model.kind)},
    [SETTING_UNKNOWNS] = {"unknowns", GROUP_TOP, SETTING_INTEGER, NULL, 1, 1e6, .outside_id = true,
                          .column = "unknowns", .units = "1", .long_name = "unknown weights of a generator",
                          FIELD(unknowns)},
    [SETTING_EQUATION_RATIO] = {"equation_ratio", GROUP_TOP, SETTING_REAL, NULL, 0, 1e6, .outside_id = true,
                                .column = "equation_ratio", .units = "1",
                                .long_name = "equations per unknown", FIELD(equation_ratio)},
    [SETTING_EMBED_DIM] = {"embed_dim", GROUP_TOP, SETTING_INTEGER, "128", 1, 65536, .models = SETS,
                           .column = "embed_dim", .units = "1", .long_name = "width of the embedding",
                           FIELD(model.embed_dim)},
    [SETTING_POOLING] = {"pooling", GROUP_TOP, SETTING_CHOICE, "mean", .choices = poolings, .models = SETS,
                         .column = "pooling", .units = "1", .long_name = "how the pairs of a set are pooled",
                         FIELD(model.pooling)},
    [SETTING_SEED] = {"seed", GROUP_TOP, SETTING_INTEGER, "1", 0, 9007199254740992, .column = "seed",
                      .units = "1", .long_name = "seed of all random numbers", FIELD(training.seed)},

    [SETTING_GENERATOR_INPUTS] = {"inputs", GROUP_GENERATOR, SETTING_INTEGER, NULL, 1, 4096,
                                  .column = "generator_inputs", .units = "1",
                                  .long_name = "inputs of a generator", FIELD(task.generator.inputs)},
    [SETTING_GENERATOR_HIDDEN] = {"hidden", GROUP_GENERATOR, SETTING_WIDTHS, NULL, 1, 4096, .most_widths = 1,
                                  .column = "generator_hidden", .units = "1",
                                  .long_name = "hidden widths of a generator", FIELD(task.generator.hidden)},
    [SETTING_GENERATOR_INIT] = {"init", GROUP_GENERATOR, SETTING_CHOICE, "lecun", .choices = inits,
                                .column = "generator_init", .units = "1",
                                .long_name = "distribution of a generator's weights",
                                FIELD(task.generator.init)},

    [SETTING_STEPS] = {"steps", GROUP_TRAINING, SETTING_INTEGER, "30000", 1, 1e12, .column = "steps",
                       .units = "steps", .long_name = "training steps", FIELD(training.steps)},
    [SETTING_BATCH] = {"batch", GROUP_TRAINING, SETTING_INTEGER, "1024", 1, 1 << 24, .column = "batch",
                       .units = "1", .long_name = "generators a step", FIELD(training.batch)},
    [SETTING_SHARDS] = {"shards", GROUP_TRAINING, SETTING_INTEGER, "16", 1, 65536, .power_of_two = true,
                        .column = "shards", .units = "1",
                        .long_name = "parts of a batch, and most ranks of a run", FIELD(training.shards)},
    [SETTING_OPTIMIZER] = {"optimizer", GROUP_TRAINING, SETTING_CHOICE, "adam", .choices = optimizers,
                           .column = "optimizer", .units = "1", .long_name = "optimizer",
                           FIELD(training.optimizer)},
    [SETTING_LEARNING_RATE] = {"learning_rate", GROUP_TRAINING, SETTING_REAL, "1e-3", 0, 100,
                               .column = "learning_rate", .units = "1", .long_name = "learning rate",
                               FIELD(training.learning_rate)},
    [SETTING_SCHEDULE] = {"schedule", GROUP_TRAINING, SETTING_CHOICE, "constant", .choices = schedules,
                          .column = "schedule", .units = "1", .long_name = "schedule of the learning rate",
                          FIELD(training.schedule)},
    [SETTING_WARMUP_STEPS] = {"warmup_steps", GROUP_TRAINING, SETTING_INTEGER, "0", 0, 1e12,
                              .column = "warmup_steps", .units = "steps",
                              .long_name = "steps in which the learning rate rises",
                              FIELD(training.warmup_steps)},
    [SETTING_EVAL_POINTS] = {"eval_points", GROUP_TRAINING, SETTING_INTEGER, "1", 1, 65536,
                             .column = "eval_points", .units = "1",
                             .long_name = "inputs a generator in the functional loss",
                             FIELD(task.eval_points)},
    [SETTING_PRECISION] = {"precision", GROUP_TRAINING, SETTING_CHOICE, "fp32", .choices = precisions,
                           .column = "precision", .units = "1", .long_name = "precision of the arithmetic",
                           FIELD(training.precision)},

    [SETTING_ENCODER] = {"encoder", GROUP_NETWORK, SETTING_WIDTHS, "[128, 256]", 1, 65536,
                         .most_widths = WIDTHS_MAX, .models = SETS, .column = "encoder", .units = "1",
                         .long_name = "hidden widths of the pair encoder", FIELD(model.encoder)},
    [SETTING_DECODER] = {"decoder", GROUP_NETWORK, SETTING_WIDTHS, "[256, 128]", 1, 65536,
                         .most_widths = WIDTHS_MAX, .models = SETS, .column = "decoder", .units = "1",
                         .long_name = "hidden widths of the decoder", FIELD(model.decoder)},
    [SETTING_NETWORK_HIDDEN] = {"hidden", GROUP_NETWORK, SETTING_WIDTHS, "[256, 256, 256]", 1, 65536,
                                .most_widths = WIDTHS_MAX, .models = FLAT, .column = "network_hidden",
                                .units = "1", .long_name = "hidden widths of a flat model",
                                FIELD(model.hidden)},

    [SETTING_EVALUATION_EVERY] = {"every", GROUP_EVALUATION, SETTING_INTEGER, "500", 1, 1e12,
                                  .column = "evaluation_every", .units = "steps",
                                  .long_name = "steps between two evaluations",
                                  FIELD(training.evaluate_every)},
    [SETTING_EVALUATION_GENERATORS] = {"generators", GROUP_EVALUATION, SETTING_INTEGER, "16384", 2, 1 << 24,
                                       .column = "evaluation_generators", .units = "1",
                                       .long_name = "held-out generators of an evaluation",
                                       FIELD(training.evaluation_generators)},
};

const char *const setting_groups[GROUPS] = {NULL, "generator", "training", "network", "evaluation"};

const char *settings_name(enum setting_id id, char name[64])
{
    const char *group = setting_groups[settings[id].group];
    if (!group)
        return settings[id].key;
    snprintf(name, 64, "%s.%s", group, settings[id].key);
    return name;
}

enum setting_id settings_find(enum setting_group group, const char *key)
{
    for (enum setting_id id = 0; id < SETTINGS; id++)
        if (settings[id].group == group && strcmp(settings[id].key, key) == 0)
            return id;
    return SETTINGS;
}

bool settings_later(enum setting_group group, const char *key)
{
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (later[i].group == group && strcmp(later[i].key, key) == 0)
            return true;
    return false;
}

int settings_sharing(const char *key, enum setting_group *group)
{
    int count = 0;
    for (enum setting_group candidate = 0; candidate < GROUPS; candidate++)
        if (settings_find(candidate, key) != SETTINGS || settings_later(candidate, key))
            if (count++ == 0)
                *group = candidate;
    return count;
}

bool settings_used(enum setting_id id, const struct run_spec *run)
{
    return settings[id].models == 0 || (settings[id].models & 1u << run->model.kind) != 0;
}
