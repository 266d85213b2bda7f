/* One rank's share in training a run: its buffers and the training step of its group. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "model/model.h"
#include "task/task.h"
#include "train/held_out.h"
#include "train/optimizer.h"
#include "train/train.h"

enum { TRAINER_LEVELS_MAX = 32 };

/* Vote of one rank after its shards. The group acts on the maximum over its ranks. */
enum vote { CONTINUE, EXTEND, STOP };

struct trainer {
    const struct run_spec *run;
    const struct train_hooks *hooks;
    MPI_Comm group;
    int rank, ranks;
    int sets;                 // generators per shard
    int shards;               // shards of this rank
    int shards_together;      // shards per forward pass of the model; fewer after the group was extended
    size_t gradient_elements; // of the gradient that the group sums
    size_t expanded, expanded_begin; // range of parameters whose gradient model_expand_gradient computes
    struct model *model;
    struct task *task;
    int64_t cached_step; // the task holds this rank's first batch of this step; -1: another batch
    struct optimizer *optimizer;
    struct train_state *state;
    float *gradients;                 // one block: the levels of the tree, then `exchange`
    float *level[TRAINER_LEVELS_MAX]; // [gradient_elements]
    float *exchange;                  // [(gradient_elements + 1) / 2], receive buffer of the all-reduce
    float *output, *output_gradient;  // [initial shards_together * sets, outputs]
    double *shard_loss;               // [shards of all ranks]
    double *report;                   // [ranks, shards + 1]: losses and vote of each rank
    enum vote vote;                   // max over the group at the last step
    struct held_out held_out;
    struct task_score *scores; // [evaluation_generators]
    double clock, checkpoint_clock, poll_clock;
    bool r2_defined; // the held-out outputs of the last evaluation have variance
    // Error code of the leader's last checkpoint; the leader's vote passes it on to the group at the next
    // step.
    enum status checkpoint_status;
};

/* Allocates the buffers for t->run and sets the group; t->run, hooks and state are set. Not collective. The
 * caller calls trainer_free, also after a failure. STATUS_MEMORY. */
enum status trainer_init(struct trainer *t, MPI_Comm group);

/* Frees everything except t->state. */
void trainer_free(struct trainer *t);

/* Sets this rank's shards in an extended group. Not collective. */
void trainer_set_group(struct trainer *t, MPI_Comm group);

/* Whether this rank must stop: a stop was requested, or a checkpoint failed. */
bool trainer_must_stop(const struct trainer *t);

/* Adds the time since the last call to wall_seconds and rank_seconds. */
void trainer_count_time(struct trainer *t);

enum step_end { STEP_DONE, STEP_DROPPED, STEP_LOSS_NOT_FINITE, STEP_GRADIENT_NOT_FINITE };

/* Trains one step; collective on the group. Changes parameters and moments only if it returns STEP_DONE; the
 * loss is stored in any case but STEP_DROPPED, which means that a rank voted STOP. */
enum step_end trainer_step(struct trainer *t);

#endif
