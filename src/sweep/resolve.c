#include "sweep/resolve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_UNKNOWNS = 1000000, MOST_EQUATIONS = 1000000, MOST_POINTS = 1000000 };

// No array of a run has more numbers than this, so that int counts them.
static const double most_numbers = 2147483647;

struct check {
    const struct grid *grid;
    const struct value *const *chosen;
    struct diagnostics *diagnostics;
    struct run_spec *run;
};

// ---- whom to blame ----

struct blame {
    struct place place;
    const char *name;
    char buffer[64];
};

static bool is_written(const struct check *check, enum setting_id id)
{
    const struct value *value = check->chosen[id];
    return value && (value->place.line > 0 || value->place.set);
}

// Of two settings that do not go together the first that somebody wrote.
static void blame(const struct check *check, enum setting_id first, enum setting_id second,
                  struct blame *blamed)
{
    enum setting_id id = !is_written(check, first) && is_written(check, second) ? second : first;
    blamed->place = is_written(check, id) ? check->chosen[id]->place : check->grid->place;
    blamed->name = settings_name(id, blamed->buffer);
}

#define ADD(check, first, second, ...)                                                                       \
    do {                                                                                                     \
        struct blame blamed_;                                                                                \
        blame((check), (first), (second), &blamed_);                                                         \
        diagnostics_add((check)->diagnostics, blamed_.place, blamed_.name, __VA_ARGS__);                     \
    } while (0)

static bool sound(const struct check *check, enum setting_id id)
{
    return grid_has_valid_value(check->grid, id);
}

// ---- the generator ----

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
        "its "
        "shape",
        unknowns, unknowns == 1 ? "" : "s", outputs, text.chars);
    text_free(&text);
}

// A linear generator has as many inputs as unknowns.
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
    if ((!inputs && !unknowns) || !sound(check, SETTING_UNKNOWNS) || !sound(check, SETTING_GENERATOR_INPUTS))
        return false;
    if (inputs && unknowns && shape->inputs != run->unknowns) {
        ADD(check, SETTING_GENERATOR_INPUTS, SETTING_UNKNOWNS,
            "a linear generator of %d input%s has as many unknowns, but `unknowns` says %d; expected only "
            "one "
            "of "
            "the two",
            shape->inputs, shape->inputs == 1 ? "" : "s", run->unknowns);
        return false;
    }
    shape->inputs = run->unknowns = inputs ? shape->inputs : run->unknowns;
    return true;
}

// What a task has no use for is what it means there, so that runs that do the same are the same.
static void forget_unused(struct run_spec *run)
{
    struct task_spec *task = &run->task;
    if (task->kind == TASK_LINEAR_INVERSE) {
        task->generator.activation = ACTIVATION_RELU;
        task->generator.init = INIT_NORMAL;
    }
    if (task->kind != TASK_MLP_INVERSE) {
        task->objective = OBJECTIVE_FUNCTIONAL;
        task->eval_points = 1;
    }
}

// The shape from the unknowns or the unknowns from the shape; false if they are not known.
static bool resolve_generator(const struct check *check)
{
    struct run_spec *run = check->run;
    struct generator_shape *shape = &run->task.generator;
    bool inputs = check->chosen[SETTING_GENERATOR_INPUTS], hidden = check->chosen[SETTING_GENERATOR_HIDDEN];
    if (run->task.kind == TASK_LINEAR_INVERSE)
        return resolve_linear_generator(check);
    if (!sound(check, SETTING_UNKNOWNS) || !sound(check, SETTING_GENERATOR_INPUTS) ||
        !sound(check, SETTING_GENERATOR_HIDDEN) || !sound(check, SETTING_GENERATOR_OUTPUTS) ||
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
    if (unknowns > MOST_UNKNOWNS) {
        ADD(check, SETTING_GENERATOR_HIDDEN, SETTING_GENERATOR_INPUTS,
            "this generator has %d unknowns; expected at most %d", unknowns, MOST_UNKNOWNS);
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

// The decimal that was written is the shortest one that reads back to the same double: digits * 10^-decimals.
static uint64_t digits_of(double ratio, int *decimals)
{
    struct text text = {0};
    text_add_real(&text, ratio, "0");
    uint64_t digits = 0;
    bool after_point = false;
    const char *c = text.chars;
    *decimals = 0;
    for (; *c && *c != 'e'; c++) {
        if (*c == '.') {
            after_point = true;
            continue;
        }
        digits = 10 * digits + (uint64_t)(*c - '0');
        *decimals += after_point;
    }
    if (*c == 'e')
        *decimals -= atoi(c + 1);
    text_free(&text);
    return digits;
}

int64_t resolve_equations(double ratio, int unknowns)
{
    enum { SMALLEST = 30 }; // decimals of a ratio that gives 0 whatever the unknowns
    int decimals;
    unsigned __int128 product = (unsigned __int128)digits_of(ratio, &decimals) * (unsigned)unknowns;
    if (decimals > SMALLEST)
        return 0;
    for (; decimals < 0; decimals++)
        product *= 10;
    unsigned __int128 one = 1;
    for (; decimals > 0; decimals--)
        one *= 10;
    return (int64_t)((2 * product + one) / (2 * one));
}

// The smallest ratio of three digits that gives an equation.
static void print_least_ratio(int unknowns, struct text *text)
{
    double least = 0.5 / unknowns, digit = pow(10, floor(log10(least)) - 2);
    for (double digits = floor(least / digit);; digits++) {
        text->length = 0;
        text_format(text, "%.3g", digits * digit);
        if (resolve_equations(strtod(text->chars, NULL), unknowns) >= 1)
            return;
    }
}

static void refuse_ratio(const struct check *check, int64_t equations)
{
    int unknowns = check->run->unknowns;
    struct text ratio = {0}, limit = {0};
    text_add_real(&ratio, check->run->equation_ratio, "nan");
    if (equations < 1)
        print_least_ratio(unknowns, &limit);
    else
        text_add_int(&limit, MOST_EQUATIONS);
    ADD(check, SETTING_EQUATION_RATIO, SETTING_EQUATION_RATIO,
        "%s gives %lld equations with %d unknown%s; expected at %s %s", ratio.chars, (long long)equations,
        unknowns, unknowns == 1 ? "" : "s", equations < 1 ? "least" : "most", limit.chars);
    text_free(&ratio);
    text_free(&limit);
}

static bool resolve_pairs(const struct check *check)
{
    struct run_spec *run = check->run;
    if (run->task.kind == TASK_MLP_FORWARD) { // one x and its y, whatever the ratio
        run->equation_ratio = NAN;
        run->task.equations = 1;
        return true;
    }
    if (!check->chosen[SETTING_EQUATION_RATIO])
        return false;
    int64_t equations = resolve_equations(run->equation_ratio, run->unknowns);
    if (equations < 1 || equations > MOST_EQUATIONS) {
        refuse_ratio(check, equations);
        return false;
    }
    run->task.equations = (int)equations;
    return true;
}

static void check_range(const struct check *check)
{
    const struct run_spec *run = check->run;
    if (run->task.equation_range.count > 0 && run->model.kind != MODEL_DEEP_SETS)
        ADD(check, SETTING_EQUATION_RANGE, SETTING_MODEL,
            "`%s` reads a fixed number of pairs; expected model `deep-sets`, or no range",
            settings_choice(SETTING_MODEL, (int)run->model.kind));
}

// ---- what has to fit ----

static void check_model_fits(const struct check *check)
{
    const struct run_spec *run = check->run;
    if (run->task.kind == TASK_MLP_FORWARD && run->model.kind == MODEL_DEEP_SETS)
        ADD(check, SETTING_MODEL, SETTING_TASK,
            "`%s` reads a set of pairs, and `%s` has none; expected `linear`, `x-linear` or `res-linear`",
            settings_choice(SETTING_MODEL, (int)run->model.kind),
            settings_choice(SETTING_TASK, (int)run->task.kind));
    if (run->task.kind == TASK_MLP_FORWARD && run->task.objective == OBJECTIVE_WEIGHTS)
        ADD(check, SETTING_OBJECTIVE, SETTING_TASK,
            "`mlp-forward` predicts no weights; expected `functional`");
}

static void check_shards(const struct check *check)
{
    const struct training *training = &check->run->training;
    if (!sound(check, SETTING_BATCH) || !sound(check, SETTING_SHARDS) ||
        training->batch % training->shards == 0)
        return;
    ADD(check, SETTING_BATCH, SETTING_SHARDS, "a batch of %d is no multiple of %d shards; expected, say, %d",
        training->batch, training->shards, (training->batch / training->shards + 1) * training->shards);
}

static void check_points(const struct check *check)
{
    const struct training *training = &check->run->training;
    if (!sound(check, SETTING_STEPS) || !sound(check, SETTING_EVALUATION_EVERY))
        return;
    int64_t points = training_points(training);
    if (points > MOST_POINTS)
        ADD(check, SETTING_EVALUATION_EVERY, SETTING_STEPS,
            "%lld steps, evaluated every %lld, make curves of %lld points; expected at most %d",
            (long long)training->steps, (long long)training->evaluate_every, (long long)points, MOST_POINTS);
}

static void note_warmup(const struct check *check)
{
    const struct training *training = &check->run->training;
    struct diagnostics *notes = check->diagnostics->notes;
    struct blame blamed;
    if (!notes || training->warmup_steps <= training->steps)
        return;
    blame(check, SETTING_WARMUP_STEPS, SETTING_STEPS, &blamed);
    diagnostics_add(notes, blamed.place, blamed.name,
                    "%lld warm-up steps in a training of %lld: the learning rate reaches %.3g of %g",
                    (long long)training->warmup_steps, (long long)training->steps,
                    training->learning_rate * (double)training->steps / (double)training->warmup_steps,
                    training->learning_rate);
}

static int divisor_up_to(int number, int most)
{
    while (number % most != 0)
        most--;
    return most;
}

static void check_heads(const struct check *check)
{
    const struct model_spec *model = &check->run->model;
    if (model->kind != MODEL_DEEP_SETS || model->pooling != POOLING_ATTENTION ||
        !sound(check, SETTING_HEADS) || !sound(check, SETTING_EMBED_DIM) ||
        model->embed_dim % model->heads == 0)
        return;
    ADD(check, SETTING_HEADS, SETTING_EMBED_DIM,
        "%d heads cannot share an embedding of %d evenly; expected a divisor, such as %d", model->heads,
        model->embed_dim,
        divisor_up_to(model->embed_dim, model->heads < model->embed_dim ? model->heads : model->embed_dim));
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
                       const char *what, double numbers)
{
    if (numbers > most_numbers && sound(check, first) && sound(check, second))
        ADD(check, first, second, "%s would be %.3g numbers; expected at most %.0f", what, numbers,
            most_numbers);
}

static double widest(const struct widths *widths)
{
    int width = 0;
    for (int i = 0; i < widths->count; i++)
        width = widths->width[i] > width ? widths->width[i] : width;
    return width;
}

// The further evaluations have sets of other sizes; as many go through the model at once as a shard has.
static void check_set_sizes(const struct check *check, double shard)
{
    const struct run_spec *run = check->run;
    const struct model_spec *model = &run->model;
    double pairs = model->kind == MODEL_DEEP_SETS ? widest(&run->training.extra.set_sizes) : 0;
    check_size(check, SETTING_EVALUATION_SET_SIZES, SETTING_ENCODER, "a layer's output for one set",
               widest(&model->encoder) * pairs);
    check_size(check, SETTING_EVALUATION_SET_SIZES, SETTING_BATCH, "the pairs of a shard",
               shard * pairs * model->pair_width);
    if (model->pooling == POOLING_ATTENTION)
        check_size(check, SETTING_EVALUATION_SET_SIZES, SETTING_QUERIES, "what a shard's queries gather",
                   shard * model->queries * model->heads * (widest(&model->encoder) + pairs));
}

static void check_sizes(const struct check *check, const struct tensor_table *table)
{
    const struct run_spec *run = check->run;
    const struct model_spec *model = &run->model;
    double shard = (double)run->training.batch / run->training.shards;
    check_size(check, SETTING_ENCODER, SETTING_DECODER, "the model", (double)table->parameters);
    check_size(check, SETTING_ENCODER, SETTING_EQUATION_RATIO, "a layer's output for one set",
               widest(&model->encoder) * model->pairs);
    check_size(check, SETTING_BATCH, SETTING_EQUATION_RATIO, "the pairs of a shard",
               shard * model->pairs * model->pair_width);
    check_set_sizes(check, shard);
    check_size(check, SETTING_EVAL_POINTS, SETTING_BATCH, "the evaluation points of a shard",
               shard * run->task.eval_points * run->task.generator.inputs);
    check_size(check, SETTING_QUERIES, SETTING_HEADS, "what a shard's queries gather",
               model->pooling == POOLING_ATTENTION
                   ? shard * model->queries * model->heads * (widest(&model->encoder) + model->pairs)
                   : 0);
    check_size(check, SETTING_BATCH, SETTING_UNKNOWNS, "the predictions of a shard", shard * model->outputs);
    check_size(check, SETTING_EVALUATION_GENERATORS, SETTING_UNKNOWNS, "the predictions of an evaluation",
               (double)run->training.evaluation_generators * model->outputs);
}

void resolve_run(const struct grid *grid, const struct value *const chosen[SETTINGS],
                 struct diagnostics *diagnostics, struct run_spec *run)
{
    struct check check = {grid, chosen, diagnostics, run};
    memset(run, 0, sizeof *run);
    for (enum setting_id id = 0; id < SETTINGS; id++)
        if (chosen[id])
            value_store(id, chosen[id], run);
    check_model_fits(&check);
    check_range(&check);
    forget_unused(run);
    check_heads(&check);
    check_shards(&check);
    check_points(&check);
    note_warmup(&check);
    if (!resolve_generator(&check) || !resolve_pairs(&check))
        return;
    run->model.pair_width = task_pair_width(&run->task);
    run->model.pairs = task_max_equations(&run->task);
    run->model.outputs = task_outputs(&run->task);
    struct tensor_table table;
    model_tensors(&run->model, &table);
    check_optimizer(&check, &table);
    check_sizes(&check, &table);
}
