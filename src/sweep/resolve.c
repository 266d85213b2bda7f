#include "sweep/resolve.h"

#include "sweep/equation_ratio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_UNKNOWNS = 1000000, MAX_EQUATIONS = 1000000, MAX_POINTS = 1000000 };

// Maximum number of elements of any array of a run: the largest int.
static const double max_elements = 2147483647;

struct check {
    const struct grid *grid;
    const struct value *const *chosen;
    struct run_spec *run;
};

// ---- source location of an error ----

static bool is_written(const struct check *check, enum setting_id id)
{
    const struct value *value = check->chosen[id];
    return value && (value->location.line > 0 || value->location.set);
}

// Attributes an error to `first`, or to `second` if the sweep sets only that one.
static enum setting_id attribute(const struct check *check, enum setting_id first, enum setting_id second)
{
    return !is_written(check, first) && is_written(check, second) ? second : first;
}

static struct source_location location_of(const struct check *check, enum setting_id id)
{
    return is_written(check, id) ? check->chosen[id]->location : check->grid->location;
}

// Records an error that is attributed to one of two settings.
#define ADD(check, first, second, ...)                                                                       \
    do {                                                                                                     \
        enum setting_id id_ = attribute((check), (first), (second));                                         \
        diagnostics_add((check)->grid->diagnostics, location_of((check), id_), settings_name(id_),           \
                        __VA_ARGS__);                                                                        \
    } while (0)

static bool is_valid(const struct check *check, enum setting_id id)
{
    return grid_has_valid_value(check->grid, id);
}

// ---- the generator ----

// The nearest number of unknowns that has a default shape, below (-1) or above (+1); 0 if there is none.
static int nearest_with_shape(int unknowns, int outputs, int direction)
{
    struct generator_shape shape = {.outputs = outputs};
    for (unknowns += direction; unknowns > 0; unknowns += direction)
        if (generator_default_shape(unknowns, &shape))
            return unknowns;
    return 0;
}

static void refuse_unknowns(const struct check *check, int unknowns, int outputs)
{
    struct text text = {0};
    int below = nearest_with_shape(unknowns, outputs, -1);
    if (below > 0)
        text_format(&text, "%d or ", below);
    text_format(&text, "%d", nearest_with_shape(unknowns, outputs, 1));
    ADD(check, SETTING_UNKNOWNS, SETTING_UNKNOWNS,
        "no generator has %d unknown%s, (d + %d) h with d, h >= 2; expected %s, say, or `generator:` with "
        "its shape",
        unknowns, text_plural(unknowns), outputs, text.chars);
    text_free(&text);
}

// Resolves a linear generator, whose number of inputs is its number of unknowns. False if neither is known.
static bool resolve_linear_generator(const struct check *check)
{
    struct run_spec *run = check->run;
    struct generator_shape *shape = &run->task.generator;
    bool inputs = check->chosen[SETTING_GENERATOR_INPUTS], unknowns = check->chosen[SETTING_UNKNOWNS];
    if (check->chosen[SETTING_GENERATOR_HIDDEN] || shape->outputs != 1) {
        ADD(check,
            check->chosen[SETTING_GENERATOR_HIDDEN] ? SETTING_GENERATOR_HIDDEN : SETTING_GENERATOR_OUTPUTS,
            SETTING_TASK,
            "the generators of `linear-inverse` are linear, with one output; expected `unknowns` alone");
        return false;
    }
    if ((!inputs && !unknowns) || !is_valid(check, SETTING_UNKNOWNS) ||
        !is_valid(check, SETTING_GENERATOR_INPUTS))
        return false;
    if (inputs && unknowns && shape->inputs != run->unknowns) {
        ADD(check, SETTING_GENERATOR_INPUTS, SETTING_UNKNOWNS,
            "a linear generator of %d input%s has as many unknowns, but `unknowns` says %d; expected only "
            "one of the two",
            shape->inputs, text_plural(shape->inputs), run->unknowns);
        return false;
    }
    shape->inputs = run->unknowns = inputs ? shape->inputs : run->unknowns;
    return true;
}

// Resets the fields that the task does not use, so that equal runs have equal specifications.
static void reset_unused(struct run_spec *run)
{
    struct task_spec *task = &run->task;
    if (!task_has_networks(task)) {
        task->generator.activation = ACTIVATION_RELU;
        task->generator.init = INIT_NORMAL;
    }
    if (!task_is_functional(task)) {
        task->objective = OBJECTIVE_FUNCTIONAL;
        task->eval_points = 1;
    }
    if (!settings_used(SETTING_REFINEMENTS, run))
        run->model.refinements = 0;
    if (!settings_used(SETTING_REFINE_FROM, run))
        run->model.refine_from = REFINE_FROM_PREDICTION;
}

// Derives the shape from the unknowns, or the unknowns from the shape. False if neither is known.
static bool resolve_generator(const struct check *check)
{
    struct run_spec *run = check->run;
    struct generator_shape *shape = &run->task.generator;
    bool inputs = check->chosen[SETTING_GENERATOR_INPUTS], hidden = check->chosen[SETTING_GENERATOR_HIDDEN];
    if (!task_has_networks(&run->task))
        return resolve_linear_generator(check);
    if (!is_valid(check, SETTING_UNKNOWNS) || !is_valid(check, SETTING_GENERATOR_INPUTS) ||
        !is_valid(check, SETTING_GENERATOR_HIDDEN) || !is_valid(check, SETTING_GENERATOR_OUTPUTS) ||
        inputs != hidden)
        return false;
    if (!inputs) {
        if (!check->chosen[SETTING_UNKNOWNS])
            return false;
        if (generator_default_shape(run->unknowns, shape))
            return true;
        refuse_unknowns(check, run->unknowns, shape->outputs);
        return false;
    }
    int unknowns = generator_unknowns(shape);
    if (unknowns > MAX_UNKNOWNS) {
        ADD(check, SETTING_GENERATOR_HIDDEN, SETTING_GENERATOR_INPUTS,
            "this generator has %d unknowns; expected at most %d", unknowns, MAX_UNKNOWNS);
        return false;
    }
    if (check->chosen[SETTING_UNKNOWNS] && run->unknowns != unknowns) {
        ADD(check, SETTING_GENERATOR_HIDDEN, SETTING_GENERATOR_INPUTS,
            "this generator has %d unknowns, but `unknowns` says %d; expected only one of the two", unknowns,
            run->unknowns);
        return false;
    }
    run->unknowns = unknowns;
    return true;
}

// ---- equations ----

static void refuse_ratio(const struct check *check, int64_t equations)
{
    int unknowns = check->run->unknowns;
    struct text ratio = {0}, limit = {0};
    text_add_real(&ratio, check->run->equation_ratio, "nan");
    if (equations < 1)
        equation_ratio_print_min(unknowns, &limit);
    else
        text_add_int(&limit, MAX_EQUATIONS);
    ADD(check, SETTING_EQUATION_RATIO, SETTING_EQUATION_RATIO,
        "%s gives %lld equations with %d unknown%s; expected at %s %s", ratio.chars, (long long)equations,
        unknowns, text_plural(unknowns), equations < 1 ? "least" : "most", limit.chars);
    text_free(&ratio);
    text_free(&limit);
}

static bool resolve_pairs(const struct check *check)
{
    struct run_spec *run = check->run;
    if (!task_reads_pairs(&run->task)) { // one x and its y for any ratio
        run->equation_ratio = NAN;
        run->task.equations = 1;
        return true;
    }
    if (check->chosen[SETTING_EQUATIONS]) {
        run->equation_ratio = (double)run->task.equations / run->unknowns;
        return true;
    }
    if (!check->chosen[SETTING_EQUATION_RATIO])
        return false;
    int64_t equations = equation_ratio_count(run->equation_ratio, run->unknowns);
    if (equations < 1 || equations > MAX_EQUATIONS) {
        refuse_ratio(check, equations);
        return false;
    }
    run->task.equations = (int)equations;
    return true;
}

static void check_range(const struct check *check)
{
    const struct run_spec *run = check->run;
    struct text models = {0};
    if (run->task.equation_range.count == 0 || model_reads_sets(&run->model))
        return;
    settings_print_choices(SETTING_MODEL, MODELS_OF_SETS, &models);
    ADD(check, SETTING_EQUATION_RANGE, SETTING_MODEL,
        "`%s` reads a fixed number of pairs; expected model %s, or no range",
        settings_choice(SETTING_MODEL, (int)run->model.kind), models.chars);
    text_free(&models);
}

// ---- combinations of settings ----

static void check_model_fits(const struct check *check)
{
    const struct run_spec *run = check->run;
    const char *task = settings_choice(SETTING_TASK, (int)run->task.kind);
    struct text models = {0};
    if (task_reads_pairs(&run->task))
        return;
    settings_print_choices(SETTING_MODEL, MODELS_OF_ROWS, &models);
    if (model_reads_sets(&run->model))
        ADD(check, SETTING_MODEL, SETTING_TASK, "`%s` reads a set of pairs, and `%s` has none; expected %s",
            settings_choice(SETTING_MODEL, (int)run->model.kind), task, models.chars);
    if (run->task.objective == OBJECTIVE_WEIGHTS)
        ADD(check, SETTING_OBJECTIVE, SETTING_TASK, "`%s` predicts no weights; expected `functional`", task);
    text_free(&models);
}

static void check_shards(const struct check *check)
{
    const struct training *training = &check->run->training;
    if (!is_valid(check, SETTING_BATCH) || !is_valid(check, SETTING_SHARDS) ||
        training->batch % training->shards == 0)
        return;
    ADD(check, SETTING_BATCH, SETTING_SHARDS,
        "a batch of %d is not a multiple of %d shards; expected, say, %d", training->batch, training->shards,
        (training->batch / training->shards + 1) * training->shards);
}

static void check_points(const struct check *check)
{
    const struct training *training = &check->run->training;
    if (!is_valid(check, SETTING_STEPS) || !is_valid(check, SETTING_EVALUATION_EVERY))
        return;
    int64_t points = training_points(training);
    if (points > MAX_POINTS)
        ADD(check, SETTING_EVALUATION_EVERY, SETTING_STEPS,
            "%lld steps, evaluated every %lld, make curves of %lld points; expected at most %d",
            (long long)training->steps, (long long)training->evaluate_every, (long long)points, MAX_POINTS);
}

static void note_warmup(const struct check *check)
{
    const struct training *training = &check->run->training;
    struct diagnostics *notes = check->grid->diagnostics->notes;
    if (!notes || training->warmup_steps <= training->steps)
        return;
    enum setting_id id = attribute(check, SETTING_WARMUP_STEPS, SETTING_STEPS);
    diagnostics_add(notes, location_of(check, id), settings_name(id),
                    "%lld warm-up steps in a training of %lld: the learning rate reaches %.3g of %g",
                    (long long)training->warmup_steps, (long long)training->steps,
                    training->learning_rate * (double)training->steps / (double)training->warmup_steps,
                    training->learning_rate);
}

static void check_heads(const struct check *check)
{
    const struct model_spec *model = &check->run->model;
    if (!model_reads_sets(model) || model_pooling_method(model) != POOLS_ATTENTION ||
        !is_valid(check, SETTING_HEADS) || !is_valid(check, SETTING_EMBED_DIM) ||
        model->embed_dim % model->heads == 0)
        return;
    int divisor = model->heads < model->embed_dim ? model->heads : model->embed_dim;
    while (model->embed_dim % divisor != 0)
        divisor--;
    ADD(check, SETTING_HEADS, SETTING_EMBED_DIM,
        "%d heads cannot share an embedding of %d evenly; expected a divisor, such as %d", model->heads,
        model->embed_dim, divisor);
}

static void check_poolings(const struct check *check)
{
    const struct model_spec *model = &check->run->model;
    unsigned refused = joined_bits((int)model->pooling) & ~(unsigned)POOLINGS_TO_JOIN;
    if (!model_joins_poolings(model) || refused == 0)
        return;
    struct text names = {0}, others = {0};
    settings_print_choices(SETTING_POOLING, refused, &names);
    settings_print_choices(SETTING_POOLING, POOLINGS_TO_JOIN, &others);
    ADD(check, SETTING_POOLING, SETTING_MODEL,
        "%s cannot be joined with another pooling; expected it alone, or %s joined by +", names.chars,
        others.chars);
    text_free(&names);
    text_free(&others);
}

bool resolve_muon_fits(const struct tensor_table *table)
{
    for (int i = 0; i < table->count; i++)
        if (table->tensors[i].hidden_matrix)
            return true;
    return false;
}

static void check_optimizer(const struct check *check, const struct tensor_table *table)
{
    const struct run_spec *run = check->run;
    if (run->training.optimizer == OPTIMIZER_MUON && !resolve_muon_fits(table))
        ADD(check, SETTING_OPTIMIZER, SETTING_MODEL,
            "`muon` moves hidden matrices, and this `%s` has none; expected `adam`, or more layers",
            settings_choice(SETTING_MODEL, (int)run->model.kind));
}

static void check_size(const struct check *check, enum setting_id first, enum setting_id second,
                       const char *array, double elements)
{
    if (elements > max_elements && is_valid(check, first) && is_valid(check, second))
        ADD(check, first, second, "%s would have %.3g elements; expected at most %.0f", array, elements,
            max_elements);
}

// Elements of the attention weights and weighted sums of `shard` sets; 0 for other poolings.
static double attention_elements(const struct model_spec *model, double shard, double pairs)
{
    return model_pooling_method(model) == POOLS_ATTENTION
               ? shard * model->queries * model->heads * (widths_max(&model->encoder) + pairs)
               : 0;
}

// Floats per pair of the input of the model's last stage, the widest.
static double pair_width(const struct model_spec *model)
{
    const struct model_spec last = model_stage(model, model->refinements);
    return last.pair_width;
}

// The extra evaluations have sets of other sizes. As many sets pass through the model at once as in training.
static void check_set_sizes(const struct check *check, double shard)
{
    const struct model_spec *model = &check->run->model;
    double pairs = model_reads_sets(model) ? widths_max(&check->run->training.extra.set_sizes) : 0;
    check_size(check, SETTING_EVALUATION_SET_SIZES, SETTING_ENCODER, "a layer's output for one set",
               widths_max(&model->encoder) * pairs);
    check_size(check, SETTING_EVALUATION_SET_SIZES, SETTING_BATCH, "the pairs of a shard",
               shard * pairs * pair_width(model));
    check_size(check, SETTING_EVALUATION_SET_SIZES, SETTING_QUERIES, "the attention of a shard",
               attention_elements(model, shard, pairs));
}

static void check_sizes(const struct check *check, const struct tensor_table *table)
{
    const struct run_spec *run = check->run;
    const struct model_spec *model = &run->model;
    double shard = (double)run->training.batch / run->training.shards; // sets
    enum setting_id pairs = check->chosen[SETTING_EQUATIONS] ? SETTING_EQUATIONS : SETTING_EQUATION_RATIO;
    check_size(check, SETTING_ENCODER, SETTING_DECODER, "the model", (double)table->parameters);
    check_size(check, SETTING_ENCODER, pairs, "a layer's output for one set",
               (double)widths_max(&model->encoder) * model->pairs);
    check_size(check, SETTING_BATCH, pairs, "the pairs of a shard", shard * model->pairs * pair_width(model));
    check_set_sizes(check, shard);
    check_size(check, SETTING_EVAL_POINTS, SETTING_BATCH, "the evaluation points of a shard",
               shard * run->task.eval_points * run->task.generator.inputs);
    check_size(check, SETTING_QUERIES, SETTING_HEADS, "the attention of a shard",
               attention_elements(model, shard, model->pairs));
    check_size(check, SETTING_BATCH, SETTING_UNKNOWNS, "the predictions of a shard", shard * model->outputs);
    check_size(check, SETTING_EVALUATION_GENERATORS, SETTING_UNKNOWNS, "the predictions of an evaluation",
               (double)run->training.evaluation_generators * model->outputs);
}

void resolve_run(const struct grid *grid, const struct value *const chosen[SETTINGS], struct run_spec *run)
{
    struct check check = {grid, chosen, run};
    memset(run, 0, sizeof *run);
    for (enum setting_id id = 0; id < SETTINGS; id++)
        if (chosen[id])
            value_store(id, chosen[id], run);
    check_model_fits(&check);
    check_range(&check);
    reset_unused(run);
    check_heads(&check);
    check_poolings(&check);
    check_shards(&check);
    check_points(&check);
    note_warmup(&check);
    if (!resolve_generator(&check) || !resolve_pairs(&check))
        return;
    run->model.pair_width = task_pair_width(&run->task);
    run->model.pairs = task_max_equations(&run->task);
    run->model.outputs = task_outputs(&run->task);
    if (run->model.refinements > 0)
        run->model.generator = run->task.generator;
    struct tensor_table table;
    model_tensors(&run->model, &table);
    check_optimizer(&check, &table);
    check_sizes(&check, &table);
}
