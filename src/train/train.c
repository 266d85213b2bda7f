#include "train/train.h"

#include "base/agree.h"
#include "base/clock.h"
#include "base/stop.h"
#include "train/evaluate.h"
#include "train/extra_scores.h"
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double min_r2 = -100; // a run whose last R^2 is lower has diverged

// ---- state of the run ----

// Loads the run's last checkpoint, or initialises the state if there is none.
static enum status load_state(struct trainer *t)
{
    struct train_state *state = t->state;
    bool found = false;
    enum status status = STATUS_OK;
    if (t->rank == 0 && t->hooks->load)
        status = t->hooks->load(t->hooks->context, state, &found);
    TRY(agree(status, t->group));
    MPI_Bcast(&found, 1, MPI_C_BOOL, 0, t->group);
    if (found) {
        train_state_broadcast(state, t->group);
        return STATUS_OK;
    }
    state->scalars = (struct train_scalars){.loss = NAN, .loss_ema = NAN, .r2 = NAN, .r2_stderr = NAN};
    memset(state->first, 0, state->parameters_count * sizeof(float));
    memset(state->second, 0, state->parameters_count * sizeof(float));
    model_initialise(t->model, t->run->training.seed, state->parameters);
    return STATUS_OK;
}

static enum status write_checkpoint(struct trainer *t)
{
    if (!t->hooks->checkpoint)
        return STATUS_OK;
    trainer_count_time(t);
    enum status status = t->hooks->checkpoint(t->hooks->context, t->state);
    t->checkpoint_clock = clock_seconds();
    stop_record_save(t->checkpoint_clock - t->clock);
    return status;
}

// Extends the group by the joining ranks, unless one of them has no memory.
static void extend_group(struct trainer *t)
{
    MPI_Comm extended = t->hooks->extend(t->hooks->context);
    bool joined = agree(STATUS_OK, extended) == STATUS_OK;
    trainer_count_time(t);
    if (joined) {
        trainer_set_group(t, extended);
        train_state_broadcast(t->state, extended);
    }
    t->hooks->extended(t->hooks->context, joined, &t->state->scalars);
}

// ---- evaluation ----

static void score(void *context, int first, int sets, double *values)
{
    struct trainer *t = context;
    t->cached_step = -1;
    task_fill(t->task, TASK_HELD_OUT, t->run->training.seed, 0, first, sets);
    model_set_pairs(t->model, task_equations(t->task));
    model_forward(t->model, sets, task_pairs(t->task), t->output);
    task_scores(t->task, t->output, (struct task_score *)values);
}

// Returns false if a stop interrupted the evaluation.
static bool evaluate(struct trainer *t)
{
    struct train_scalars *scalars = &t->state->scalars;
    model_set_parameters(t->model, t->state->parameters);
    if (!held_out_pass(&t->held_out, score, t, TASK_SCORE_VALUES, (double *)t->scores))
        return false;
    t->r2_defined = evaluate_r2(t->scores, t->held_out.generators, &scalars->r2, &scalars->r2_stderr);
    return true;
}

// An evaluation is due after every `evaluate_every` steps and after the last step, once each.
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
    if (t->rank == 0 && t->hooks->curve) {
        trainer_count_time(t);
        status = t->hooks->curve(t->hooks->context, point, t->state);
    }
    return agree(status, t->group);
}

// ---- the run ----

// printf would print the sign of NaN, which differs between processors.
static const char *name_of_value(double value)
{
    return isnan(value) ? " (nan)" : value > 0 ? " (inf)" : " (-inf)";
}

static void set_diverged(struct train_result *result, const char *quantity, int64_t step, const char *value)
{
    result->end = TRAIN_DIVERGED;
    // At step 0 the learning rate had no effect yet.
    snprintf(result->message, sizeof result->message, "%s %lld is not finite%s; %s", quantity,
             (long long)step, value,
             step > 0 ? "try a lower learning_rate"
                      : "no update has happened yet: check training.noise, training.inputs, generator.init "
                        "and the widths");
}

// Checks R^2 of the last evaluation.
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
        set_diverged(result, "R^2 after step", scalars->step, name_of_value(scalars->r2));
    } else if (scalars->step == t->run->training.steps && scalars->r2 < min_r2) {
        result->end = TRAIN_DIVERGED;
        snprintf(result->message, sizeof result->message,
                 "R^2 after step %lld, the last, is %.3g, below %.0f; try a lower learning_rate",
                 (long long)scalars->step, scalars->r2, min_r2);
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
        switch (trainer_step(t)) {
        case STEP_DROPPED:
            result->end = TRAIN_STOPPED;
            break;
        case STEP_LOSS_NOT_FINITE:
            set_diverged(result, "the loss of step", scalars->step, name_of_value(scalars->loss));
            break;
        case STEP_GRADIENT_NOT_FINITE:
            set_diverged(result, "the gradient of step", scalars->step, "");
            break;
        case STEP_DONE:
            if (t->vote == EXTEND)
                extend_group(t);
            if (t->rank == 0 && clock_seconds() - t->checkpoint_clock >= t->hooks->checkpoint_every)
                t->checkpoint_status = write_checkpoint(t);
        }
    }
    // A run that has diverged or failed writes no checkpoint: a retry starts from the one before.
    bool save = result->end == TRAIN_DONE || result->end == TRAIN_STOPPED;
    if (t->rank == 0 && t->checkpoint_status == STATUS_OK && save)
        t->checkpoint_status = write_checkpoint(t);
    return agree(t->checkpoint_status, t->group);
}

static void set_failed(struct train_result *result)
{
    result->end = TRAIN_FAILED;
    snprintf(result->message, sizeof result->message, "%s", status_message());
}

// Runs after the last checkpoint: after a stop, the continued run computes all extra evaluations again.
static enum status evaluate_extra(struct trainer *t, struct train_result *result)
{
    bool stopped;
    enum status status =
        extra_scores_compute(t->run, &t->held_out, t->state->parameters, result->scores, &stopped);
    trainer_count_time(t);
    if (status == STATUS_MEMORY)
        set_failed(result);
    else if (status != STATUS_OK)
        return status;
    else if (stopped)
        result->end = TRAIN_STOPPED;
    return STATUS_OK;
}

// Prepares, trains and evaluates. A joining rank receives the state from the leader instead of a checkpoint.
static enum status run_or_join(const struct run_spec *run, const struct train_hooks *hooks, MPI_Comm group,
                               bool join, struct train_result *result)
{
    struct trainer t = {.run = run, .hooks = hooks, .state = &result->state};
    *result = (struct train_result){0};
    for (int i = 0; i < EXTRA_SCORES_MAX; i++)
        result->scores[i] = NAN;
    enum status status = agree(trainer_init(&t, group), group);
    if (status == STATUS_MEMORY) {
        set_failed(result);
        status = STATUS_OK;
    } else {
        if (status == STATUS_OK && join)
            train_state_broadcast(t.state, group);
        else if (status == STATUS_OK)
            status = load_state(&t);
        if (status == STATUS_OK)
            status = train(&t, result);
    }
    trainer_free(&t); // before the extra evaluations, which allocate their own buffers
    if (status == STATUS_OK && result->end == TRAIN_DONE)
        status = evaluate_extra(&t, result);
    if (status != STATUS_OK)
        train_state_free(&result->state);
    return status;
}

enum status train_run(const struct run_spec *run, const struct train_hooks *hooks, MPI_Comm group,
                      struct train_result *result)
{
    return run_or_join(run, hooks, group, false, result);
}

enum status train_join(const struct run_spec *run, const struct train_hooks *hooks, MPI_Comm group,
                       struct train_result *result)
{
    return run_or_join(run, hooks, group, true, result);
}
