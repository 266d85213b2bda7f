#include "train/train.h"

#include "base/agree.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/stop.h"
#include "model/model.h"
#include "task/task.h"
#include "train/evaluate.h"
#include "train/extra_scores.h"
#include "train/held_out.h"
#include "train/learning_rate.h"
#include "train/optimizer.h"
#include "train/shard_tree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS_MAX = 32 };
static const double ema_decay = 0.99;
static const double r2_diverged = -100; // a run whose R^2 ends below it has diverged

/* What a rank wants after its shards; the greatest wish of the group is done. */
enum wish { GO_ON, GROW, LEAVE };

/* What a rank holds while it trains a run. */
struct trainer {
    const struct train_run *run;
    const struct train_hooks *hooks;
    MPI_Comm group;
    int rank, ranks;
    int sets;                        // generators of a shard
    int shards;                      // of this rank
    int together;                    // of them, through the model; fewer, when the group has grown
    size_t count;                    // parameters
    size_t numbers;                  // of a gradient
    size_t unfolded, unfolded_begin; // parameters whose gradient is made of the sum
    struct model *model;
    struct task *task;
    int64_t made; // the task holds this rank's first batch of that step; -1: something else
    struct optimizer *optimizer;
    struct train_state *state;
    float *gradients;                // one block: the levels of the tree, and room to exchange one
    float *level[LEVELS_MAX];        // [numbers]
    float *exchange;                 // [numbers / 2]
    float *output, *output_gradient; // [together * sets, outputs], as it was at first
    double *shard_loss;              // of the whole batch, [shards of all ranks]
    double *report;                  // [ranks, shards + 1]: each rank's losses and its wish
    enum wish wish;                  // of the group, after a step
    struct held_out held_out;
    struct task_score *scores; // [evaluation_generators]
    double clock, checkpoint_clock, poll_clock;
    bool r2_defined; // the held-out outputs of the last evaluation have variance
    enum status
        trouble; // of the leader's last checkpoint; the others learn of it with the next step's losses
};

static enum status alloc_floats(size_t count, float **out)
{
    return memory_alloc(count * sizeof(float), (void **)out);
}

// From one vector of a block to the next, each from the start of a cache line.
static size_t vector_stride(size_t count)
{
    enum { CACHE_LINE = 16 }; // numbers
    return (count + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

enum status train_state_alloc(size_t count, struct train_state *state)
{
    size_t stride = vector_stride(count);
    state->parameters_count = count;
    TRY(alloc_floats(3 * stride, &state->parameters));
    state->first = state->parameters + stride;
    state->second = state->first + stride;
    return STATUS_OK;
}

void train_state_free(struct train_state *state)
{
    memory_free((void **)&state->parameters);
    state->first = state->second = NULL;
}

static void trainer_free(struct trainer *t)
{
    model_destroy(&t->model);
    task_destroy(&t->task);
    optimizer_destroy(&t->optimizer);
    memory_free((void **)&t->gradients);
    memory_free((void **)&t->output);
    memory_free((void **)&t->output_gradient);
    memory_free((void **)&t->scores);
    free(t->shard_loss);
    free(t->report);
}

// ---- between two pieces of work ----

static bool must_leave(const struct trainer *t)
{
    return stop_requested() || t->trouble != STATUS_OK;
}

static void poll(struct trainer *t)
{
    double now = clock_seconds();
    stop_record_poll(now - t->poll_clock);
    t->poll_clock = now;
    t->hooks->poll(t->hooks->context, &t->state->scalars);
}

static bool leave_evaluation(void *context)
{
    poll(context);
    return must_leave(context);
}

// This rank's part of the work in a group.
static void take_part(struct trainer *t, MPI_Comm group)
{
    t->group = t->held_out.group = group;
    MPI_Comm_rank(group, &t->rank);
    MPI_Comm_size(group, &t->ranks);
    t->shards = t->run->training.shards / t->ranks;
    t->together = training_shards_together(&t->run->training, &t->run->model, &t->run->task, t->shards);
    t->made = -1;
    t->report = memory_grow(t->report, (size_t)(t->run->training.shards + t->ranks) * sizeof *t->report);
    if (t->optimizer)
        optimizer_share(t->optimizer, group);
}

static enum status trainer_init(struct trainer *t, MPI_Comm group)
{
    const struct train_run *run = t->run;
    t->sets = run->training.batch / run->training.shards;
    t->shard_loss = memory_small((size_t)run->training.shards * sizeof *t->shard_loss);
    t->held_out = (struct held_out){.generators = run->training.evaluation_generators,
                                    .chunk = t->sets,
                                    .context = t,
                                    .leave = leave_evaluation};
    take_part(t, group);
    int sets = t->together * t->sets;
    TRY(model_create(&run->model, t->sets, t->together, &t->model));
    TRY(task_create(&run->task, sets, &t->task));
    TRY(optimizer_create(run->training.optimizer, run->model.precision, model_table(t->model),
                         &t->optimizer));
    optimizer_share(t->optimizer, t->group);
    t->count = model_table(t->model)->parameters;
    t->numbers = model_gradient_elements(&run->model);
    t->unfolded = model_expanded_parameters(&run->model, &t->unfolded_begin);
    int levels = training_gradients(t->shards);
    size_t stride = vector_stride(t->numbers);
    TRY(alloc_floats((size_t)levels * stride + (t->numbers + 1) / 2, &t->gradients));
    for (int i = 0; i < levels; i++)
        t->level[i] = t->gradients + (size_t)i * stride;
    t->exchange = t->gradients + (size_t)levels * stride;
    TRY(alloc_floats((size_t)sets * (size_t)run->model.outputs, &t->output));
    TRY(alloc_floats((size_t)sets * (size_t)run->model.outputs, &t->output_gradient));
    TRY(memory_alloc((size_t)run->training.evaluation_generators * sizeof *t->scores, (void **)&t->scores));
    return train_state_alloc(t->count, t->state);
}

// ---- the state ----

// Everybody gets what the leader has.
static void share_state(struct trainer *t)
{
    struct train_state *state = t->state;
    MPI_Bcast(&state->scalars, sizeof state->scalars, MPI_BYTE, 0, t->group);
    MPI_Bcast(state->parameters, (int)t->count, MPI_FLOAT, 0, t->group);
    MPI_Bcast(state->first, (int)t->count, MPI_FLOAT, 0, t->group);
    MPI_Bcast(state->second, (int)t->count, MPI_FLOAT, 0, t->group);
}

static enum status load_state(struct trainer *t)
{
    struct train_state *state = t->state;
    int found = 0;
    enum status status = STATUS_OK;
    if (t->rank == 0) {
        bool checkpoint = false;
        status = t->hooks->load(t->hooks->context, state, &checkpoint);
        found = checkpoint;
    }
    TRY(agree(status, t->group));
    MPI_Bcast(&found, 1, MPI_INT, 0, t->group);
    if (!found) {
        state->scalars = (struct train_scalars){.loss = NAN, .loss_ema = NAN, .r2 = NAN, .r2_stderr = NAN};
        memset(state->first, 0, t->count * sizeof(float));
        memset(state->second, 0, t->count * sizeof(float));
        model_initialise(t->model, t->run->training.seed, state->parameters);
        return STATUS_OK;
    }
    share_state(t);
    return STATUS_OK;
}

static void count_time(struct trainer *t)
{
    double now = clock_seconds();
    t->state->scalars.wall_seconds += now - t->clock;
    t->state->scalars.rank_seconds += (now - t->clock) * t->ranks;
    t->clock = now;
}

static enum status write_checkpoint(struct trainer *t)
{
    count_time(t);
    enum status status = t->hooks->checkpoint(t->hooks->context, t->state);
    t->checkpoint_clock = clock_seconds();
    stop_record_save(t->checkpoint_clock - t->clock);
    return status;
}

// ---- one step ----

// The generators of the shards that go through the model together, from this rank's `shard` on.
static void make_batch(struct trainer *t, int64_t step, int shard)
{
    int64_t first = (int64_t)(t->rank * t->shards + shard) * t->sets;
    task_fill(t->task, TASK_TRAIN, t->run->training.seed, step, first, t->together * t->sets);
    t->made = shard == 0 ? step : -1;
}

/* Where the gradients go of the shards that are in the model. */
struct leaves {
    float *const *level;
    int first; // of those shards
};

static float *gradient_of(void *context, int shard)
{
    const struct leaves *leaves = context;
    return leaves->level[shard_tree_leaf(leaves->first + shard)];
}

static void gradient_finished(void *context, int shard, size_t begin, size_t count)
{
    const struct leaves *leaves = context;
    shard_tree_carry(leaves->level, leaves->first + shard, begin, count);
}

// Leaves the sum of this rank's shards in level[0].
static void add_shards(struct trainer *t, double *loss)
{
    const struct training *training = &t->run->training;
    int64_t step = t->state->scalars.step;
    int sets = t->together * t->sets;
    struct leaves leaves = {t->level, 0};
    const struct model_gradients gradients = {gradient_of, gradient_finished, &leaves};
    for (int first = 0; first < t->shards && !must_leave(t); first += t->together) {
        if (first > 0 || t->made != step)
            make_batch(t, step, first);
        leaves.first = first;
        model_set_pairs(t->model, task_equations(t->task));
        model_forward(t->model, sets, task_pairs(t->task), t->output);
        task_loss(t->task, t->output, 1.0f / (float)training->batch, t->sets, loss + first,
                  t->output_gradient);
        model_backward(t->model, sets, task_pairs(t->task), t->output_gradient, &gradients);
        poll(t);
    }
}

// Losses of all shards, in order, and the greatest wish of all ranks. Ranks that are ready early make their
// next batch while they wait for the others.
static void share_losses(struct trainer *t)
{
    int length = t->shards + 1;
    MPI_Request request;
    MPI_Iallgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, t->report, length, MPI_DOUBLE, t->group, &request);
    if (t->ranks > 1)
        make_batch(t, t->state->scalars.step + 1, 0);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    t->wish = GO_ON;
    for (int rank = 0; rank < t->ranks; rank++) {
        memcpy(t->shard_loss + rank * t->shards, t->report + rank * length,
               (size_t)t->shards * sizeof(double));
        enum wish wish = (enum wish)t->report[rank * length + t->shards];
        t->wish = wish > t->wish ? wish : t->wish;
    }
}

static enum wish own_wish(const struct trainer *t)
{
    if (must_leave(t))
        return LEAVE;
    return t->rank == 0 && t->hooks->extension_pending && t->hooks->extension_pending(t->hooks->context) ? GROW : GO_ON;
}

// By one rank, which hands it on: its products may differ in their last bits where ranks of unlike processors
// were allowed.
static void unfold(struct trainer *t)
{
    if (t->unfolded == 0)
        return;
    if (t->rank == 0)
        model_expand_gradient(t->model, t->level[0]);
    MPI_Bcast(t->level[0] + t->unfolded_begin, (int)t->unfolded, MPI_FLOAT, 0, t->group);
}

enum step_end { STEP_DONE, STEP_DROPPED, STEP_LOSS_LOST, STEP_GRADIENT_LOST };

// The parameters stay as they were unless the step is done; the loss is kept.
static enum step_end step(struct trainer *t)
{
    const struct training *training = &t->run->training;
    struct train_state *state = t->state;
    struct train_scalars *scalars = &state->scalars;
    double *report = t->report + t->rank * (t->shards + 1);

    model_set_parameters(t->model, state->parameters);
    add_shards(t, report);
    report[t->shards] = own_wish(t);
    share_losses(t);
    if (t->wish == LEAVE)
        return STEP_DROPPED;
    scalars->loss = shard_tree_sum(t->shard_loss, training->shards) / training->batch;
    if (!isfinite(scalars->loss))
        return STEP_LOSS_LOST;
    shard_tree_allreduce(t->level[0], t->numbers, t->exchange, t->group);
    unfold(t);
    if (!shard_tree_finite(t->level[0], t->count))
        return STEP_GRADIENT_LOST;
    optimizer_step(t->optimizer, scalars->step, learning_rate_at(training, scalars->step), state->parameters,
                   t->level[0], state->first, state->second);
    scalars->loss_ema =
        scalars->step == 0 ? scalars->loss : ema_decay * scalars->loss_ema + (1 - ema_decay) * scalars->loss;
    scalars->step++;
    count_time(t);
    return STEP_DONE;
}

// The group takes newcomers in, unless one of them has no memory.
static void grow(struct trainer *t)
{
    MPI_Comm larger = t->hooks->extend(t->hooks->context);
    bool joined = agree(STATUS_OK, larger) == STATUS_OK;
    count_time(t);
    if (joined) {
        take_part(t, larger);
        share_state(t);
    }
    t->hooks->extended(t->hooks->context, joined, &t->state->scalars);
}

// ---- evaluation ----

static void score(void *context, int first, int sets, double *numbers)
{
    struct trainer *t = context;
    t->made = -1;
    task_fill(t->task, TASK_HELD_OUT, t->run->training.seed, 0, first, sets);
    model_set_pairs(t->model, task_equations(t->task));
    model_forward(t->model, sets, task_pairs(t->task), t->output);
    task_scores(t->task, t->output, (struct task_score *)numbers);
}

// False if it was dropped because of a stop.
static bool evaluate(struct trainer *t)
{
    model_set_parameters(t->model, t->state->parameters);
    if (!held_out_pass(&t->held_out, score, t, TASK_SCORE_VALUES, (double *)t->scores))
        return false;
    t->r2_defined =
        evaluate_r2(t->scores, t->held_out.generators, &t->state->scalars.r2, &t->state->scalars.r2_stderr);
    return true;
}

// An evaluation is due after every `evaluate_every` steps and after the last, unless its point is there
// already.
static bool evaluation_due(const struct trainer *t)
{
    const struct training *training = &t->run->training;
    int64_t steps = t->state->scalars.step;
    int64_t points = steps == training->steps ? training_points(training) : steps / training->evaluate_every;
    return points > t->state->scalars.points;
}

static enum status add_point(struct trainer *t)
{
    enum status status = STATUS_OK;
    int64_t point = t->state->scalars.points++;
    if (t->rank == 0) {
        count_time(t);
        status = t->hooks->curve(t->hooks->context, point, t->state);
    }
    return agree(status, t->group);
}

// ---- the run ----

static bool checkpoint_due(struct trainer *t)
{
    // The leader's clock decides for all: it alone writes, and nobody else needs to know.
    return t->rank == 0 && clock_seconds() - t->checkpoint_clock >= t->hooks->checkpoint_every;
}

// Without the sign that printf gives NaN.
static const char *words_of(double value)
{
    return isnan(value) ? " (nan)" : value > 0 ? " (inf)" : " (-inf)";
}

static void diverged(struct train_result *result, const char *what, int64_t step, const char *value)
{
    result->end = TRAIN_DIVERGED;
    snprintf(result->message, sizeof result->message, "%s %lld is not finite%s; try a lower learning_rate",
             what, (long long)step, value);
}

// The evaluation that was just done, or R^2 of a run that is at its last step.
static void check_r2(const struct trainer *t, struct train_result *result)
{
    const struct train_scalars *scalars = &t->state->scalars;
    if (!t->r2_defined) {
        result->end = TRAIN_FAILED;
        snprintf(result->message, sizeof result->message,
                 "R^2 is not defined: the outputs of the %d held-out generators have no variance; use more "
                 "evaluation.generators, or generators with more hidden units",
                 t->held_out.generators);
    } else if (!isfinite(scalars->r2)) {
        diverged(result, "R^2 after step", scalars->step, words_of(scalars->r2));
    } else if (scalars->step == t->run->training.steps && scalars->r2 < r2_diverged) {
        result->end = TRAIN_DIVERGED;
        snprintf(result->message, sizeof result->message,
                 "R^2 after step %lld, the last, is %.3g, below %.0f; try a lower learning_rate",
                 (long long)scalars->step, scalars->r2, r2_diverged);
    }
}

static enum status train(struct trainer *t, struct train_result *result)
{
    const struct training *training = &t->run->training;
    struct train_scalars *scalars = &t->state->scalars;
    t->clock = t->checkpoint_clock = t->poll_clock = clock_seconds();
    result->end = TRAIN_DONE;
    while (result->end == TRAIN_DONE) {
        if (evaluation_due(t)) {
            if (!evaluate(t)) {
                result->end = TRAIN_STOPPED;
                break;
            }
            TRY(add_point(t));
            check_r2(t, result);
            continue;
        }
        if (scalars->step == training->steps)
            break;
        switch (step(t)) {
        case STEP_DROPPED:
            result->end = TRAIN_STOPPED;
            break;
        case STEP_LOSS_LOST:
            diverged(result, "the loss of step", scalars->step, words_of(scalars->loss));
            break;
        case STEP_GRADIENT_LOST:
            diverged(result, "the gradient of step", scalars->step, "");
            break;
        case STEP_DONE:
            if (t->wish == GROW)
                grow(t);
            if (checkpoint_due(t))
                t->trouble = write_checkpoint(t);
        }
    }
    // No checkpoint of a run that has diverged or failed: a retry starts from the checkpoint before.
    bool kept = result->end == TRAIN_DONE || result->end == TRAIN_STOPPED;
    if (t->rank == 0 && t->trouble == STATUS_OK && kept)
        t->trouble = write_checkpoint(t);
    return agree(t->trouble, t->group);
}

static void failed(struct train_result *result)
{
    result->end = TRAIN_FAILED;
    snprintf(result->message, sizeof result->message, "%s", status_message());
}

// After the last checkpoint: what a stop drops here is computed again.
static enum status evaluate_extra(struct trainer *t, struct train_result *result)
{
    bool left;
    enum status status =
        extra_scores_compute(t->run, &t->held_out, t->state->parameters, result->scores, &left);
    count_time(t);
    if (status == STATUS_MEMORY)
        failed(result);
    else if (status != STATUS_OK)
        return status;
    else if (left)
        result->end = TRAIN_STOPPED;
    return STATUS_OK;
}

// A newcomer gets its state from the leader, the others from the last checkpoint.
static enum status begin(const struct train_run *run, const struct train_hooks *hooks, MPI_Comm group,
                         bool newcomer, struct train_result *result)
{
    struct trainer t = {.run = run, .hooks = hooks, .state = &result->state};
    *result = (struct train_result){0};
    for (int i = 0; i < EXTRA_SCORES_MAX; i++)
        result->scores[i] = NAN;
    enum status status = agree(trainer_init(&t, group), group);
    if (status == STATUS_MEMORY) {
        failed(result);
        status = STATUS_OK;
    } else {
        if (status == STATUS_OK && newcomer)
            share_state(&t);
        else if (status == STATUS_OK)
            status = load_state(&t);
        if (status == STATUS_OK)
            status = train(&t, result);
    }
    trainer_free(&t); // leaves its room to the further evaluations
    if (status == STATUS_OK && result->end == TRAIN_DONE)
        status = evaluate_extra(&t, result);
    if (status != STATUS_OK)
        train_state_free(&result->state);
    return status;
}

enum status train_run(const struct train_run *run, const struct train_hooks *hooks, MPI_Comm group,
                      struct train_result *result)
{
    return begin(run, hooks, group, false, result);
}

enum status train_join(const struct train_run *run, const struct train_hooks *hooks, MPI_Comm group,
                       struct train_result *result)
{
    return begin(run, hooks, group, true, result);
}
