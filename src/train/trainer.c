#include "train/trainer.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/stop.h"
#include "kernel/sums.h"
#include "train/learning_rate.h"
#include "train/shard_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double ema_decay = 0.99;

// ---- stops and time ----

bool trainer_must_stop(const struct trainer *t)
{
    return stop_requested() || t->checkpoint_status != STATUS_OK;
}

static void poll(struct trainer *t)
{
    double now = clock_seconds();
    stop_record_poll(now - t->poll_clock);
    t->poll_clock = now;
    if (t->hooks->poll)
        t->hooks->poll(t->hooks->context, &t->state->scalars);
}

static bool stop_evaluation(void *context)
{
    poll(context);
    return trainer_must_stop(context);
}

void trainer_count_time(struct trainer *t)
{
    double now = clock_seconds();
    t->state->scalars.wall_seconds += now - t->clock;
    t->state->scalars.rank_seconds += (now - t->clock) * t->ranks;
    t->clock = now;
}

// ---- buffers ----

void trainer_set_group(struct trainer *t, MPI_Comm group)
{
    const struct training *training = &t->run->training;
    t->group = t->held_out.group = group;
    MPI_Comm_rank(group, &t->rank);
    MPI_Comm_size(group, &t->ranks);
    t->shards = training->shards / t->ranks;
    t->shards_together = training_shards_together(t->run, t->shards);
    t->cached_step = -1;
    t->report = memory_grow(t->report, (size_t)(training->shards + t->ranks) * sizeof *t->report);
    if (t->optimizer)
        optimizer_share(t->optimizer, group);
}

static enum status alloc_floats(size_t count, float **out)
{
    return memory_alloc(count * sizeof(float), (void **)out);
}

enum status trainer_init(struct trainer *t, MPI_Comm group)
{
    const struct training *training = &t->run->training;
    const struct model_spec *model = &t->run->model;
    t->sets = training->batch / training->shards;
    t->shard_loss = memory_small((size_t)training->shards * sizeof *t->shard_loss);
    t->held_out = (struct held_out){.generators = training->evaluation_generators,
                                    .chunk = t->sets,
                                    .context = t,
                                    .stop = stop_evaluation};
    trainer_set_group(t, group);
    int sets = t->shards_together * t->sets;
    TRY(model_create(model, t->sets, t->shards_together, &t->model));
    TRY(task_create(&t->run->task, sets, &t->task));
    TRY(optimizer_create(training->optimizer, model->precision, model_table(t->model), &t->optimizer));
    optimizer_share(t->optimizer, t->group);
    t->gradient_elements = model_gradient_elements(model);
    t->expanded = model_expanded_parameters(model, &t->expanded_begin);
    size_t levels = (size_t)training_gradients(t->shards), stride = train_state_stride(t->gradient_elements);
    TRY(alloc_floats(levels * stride + (t->gradient_elements + 1) / 2, &t->gradients));
    for (size_t i = 0; i < levels; i++)
        t->level[i] = t->gradients + i * stride;
    t->exchange = t->gradients + levels * stride;
    TRY(alloc_floats((size_t)sets * (size_t)model->outputs, &t->output));
    TRY(alloc_floats((size_t)sets * (size_t)model->outputs, &t->output_gradient));
    TRY(memory_alloc((size_t)training->evaluation_generators * sizeof *t->scores, (void **)&t->scores));
    return train_state_alloc(model_table(t->model)->parameters, t->state);
}

void trainer_free(struct trainer *t)
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

// ---- one step ----

// Draws the generators of shards_together shards, from this rank's shard `shard` on.
static void fill_batch(struct trainer *t, int64_t step, int shard)
{
    int64_t first = (int64_t)(t->rank * t->shards + shard) * t->sets;
    task_fill(t->task, TASK_TRAIN, t->run->training.seed, step, first, t->shards_together * t->sets);
    t->cached_step = shard == 0 ? step : -1;
}

/* Leaves of the tree for the gradients of the shards in the model. */
struct leaves {
    float *const *level;
    int first; // the first of these shards, counted within the rank
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

// Computes the loss of each of this rank's shards, and the sum of their gradients in level[0]. With
// refinements each stage is trained by the loss of its own prediction; the last one's is the loss of the run.
static void compute_shards(struct trainer *t, double *loss)
{
    const struct training *training = &t->run->training;
    int64_t step = t->state->scalars.step;
    int sets = t->shards_together * t->sets;
    struct leaves leaves = {t->level, 0};
    const struct model_gradients gradients = {gradient_of, gradient_finished, &leaves};
    for (int first = 0; first < t->shards && !trainer_must_stop(t); first += t->shards_together) {
        if (first > 0 || t->cached_step != step)
            fill_batch(t, step, first);
        leaves.first = first;
        model_set_pairs(t->model, task_equations(t->task));
        for (int stage = 0; stage < model_stages(&t->run->model); stage++) {
            model_forward_stage(t->model, stage, sets, task_pairs(t->task), t->output);
            task_loss(t->task, t->output, 1.0f / (float)training->batch, t->sets, loss + first,
                      t->output_gradient);
            model_backward(t->model, sets, task_pairs(t->task), t->output_gradient, &gradients);
        }
        poll(t);
    }
}

// Gathers the losses of all shards and the maximum vote. While a rank waits for slower ranks it draws its
// first batch of the next step.
static void share_losses(struct trainer *t)
{
    int length = t->shards + 1;
    MPI_Request request;
    MPI_Iallgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, t->report, length, MPI_DOUBLE, t->group, &request);
    if (t->ranks > 1)
        fill_batch(t, t->state->scalars.step + 1, 0);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    t->vote = CONTINUE;
    for (int rank = 0; rank < t->ranks; rank++) {
        const double *report = t->report + rank * length;
        memcpy(t->shard_loss + rank * t->shards, report, (size_t)t->shards * sizeof(double));
        enum vote vote = (enum vote)report[t->shards];
        t->vote = vote > t->vote ? vote : t->vote;
    }
}

static enum vote own_vote(const struct trainer *t)
{
    const struct train_hooks *hooks = t->hooks;
    if (trainer_must_stop(t))
        return STOP;
    bool extend = t->rank == 0 && hooks->extension_pending && hooks->extension_pending(hooks->context);
    return extend ? EXTEND : CONTINUE;
}

// Expands the summed gradient on rank 0 and broadcasts the result: matrix products of ranks with different
// processors may differ in their last bits.
static void expand_gradient(struct trainer *t)
{
    if (t->expanded == 0)
        return;
    if (t->rank == 0)
        model_expand_gradient(t->model, t->level[0]);
    MPI_Bcast(t->level[0] + t->expanded_begin, (int)t->expanded, MPI_FLOAT, 0, t->group);
}

enum step_end trainer_step(struct trainer *t)
{
    const struct training *training = &t->run->training;
    struct train_state *state = t->state;
    struct train_scalars *scalars = &state->scalars;
    double *report = t->report + t->rank * (t->shards + 1);

    model_set_parameters(t->model, state->parameters);
    compute_shards(t, report);
    report[t->shards] = own_vote(t);
    share_losses(t);
    if (t->vote == STOP)
        return STEP_DROPPED;
    scalars->loss = shard_tree_sum(t->shard_loss, training->shards) / training->batch;
    if (!isfinite(scalars->loss))
        return STEP_LOSS_NOT_FINITE;
    shard_tree_allreduce(t->level[0], t->gradient_elements, t->exchange, t->group);
    expand_gradient(t);
    if (!sums_finite(t->level[0], state->parameters_count))
        return STEP_GRADIENT_NOT_FINITE;
    optimizer_step(t->optimizer, scalars->step, learning_rate_at(training, scalars->step), state->parameters,
                   t->level[0], state->first, state->second);
    scalars->loss_ema =
        scalars->step == 0 ? scalars->loss : ema_decay * scalars->loss_ema + (1 - ema_decay) * scalars->loss;
    scalars->step++;
    trainer_count_time(t);
    return STEP_DONE;
}
