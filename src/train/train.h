/* Training of one run by a group of ranks.
 *
 * The group divides the shards of every batch among its ranks and sums their gradients in the fixed tree;
 * each rank updates its own copy of the parameters with the same bits. The leader (rank 0 of the group's
 * communicator) writes results through the hooks. Between two steps other ranks may join the
 * group. */
#ifndef TRAIN_TRAIN_H
#define TRAIN_TRAIN_H

#include "base/status.h"
#include "spec/extra_evaluations.h"
#include "spec/run_spec.h"
#include "train/train_state.h"

#include <mpi.h>
#include <stdbool.h>

/* Callbacks of a run; those that are NULL are not called. Only the leader calls load, checkpoint and curve;
 * every rank calls poll. */
struct train_hooks {
    void *context;
    /* Fills the state from the run's newest checkpoint; *found = false if there is none. */
    enum status (*load)(void *context, struct train_state *state, bool *found);
    enum status (*checkpoint)(void *context, const struct train_state *state);
    enum status (*curve)(void *context, int64_t point, const struct train_state *state);
    /* Handles messages and reports progress; called after every few shards. May call stop_request(). */
    void (*poll)(void *context, const struct train_scalars *now);
    double checkpoint_every; // seconds

    /* Extension of the group; NULL where the group keeps its size. The leader calls `extension_pending` after
     * the shards of each step. If it returns true, every rank calls `extend` after that step, which returns a
     * communicator of the present ranks, in their order, followed by the joining ranks. Then every present
     * rank calls `extended`: with joined = true the new communicator is the group's from then on; with joined
     * = false, because a joining rank had no memory, the group keeps the old one. */
    bool (*extension_pending)(void *context);
    MPI_Comm (*extend)(void *context);
    void (*extended)(void *context, bool joined, const struct train_scalars *now);
};

enum train_end { TRAIN_DONE, TRAIN_DIVERGED, TRAIN_FAILED, TRAIN_STOPPED };

struct train_result {
    enum train_end end;
    struct train_state state;        // the caller frees it with train_state_free
    char message[256];               // the reason if end is TRAIN_DIVERGED or TRAIN_FAILED, else ""
    double scores[EXTRA_SCORES_MAX]; // of extra_evaluations_list, concatenated; NaN unless TRAIN_DONE
};

/* Trains until the last step and computes the extra evaluations, or ends early by a stop or a failure.
 * Collective on group, whose size is a power of two that divides the shards. A run that diverges or has no
 * memory returns STATUS_OK with its `end`; any other status means that a hook failed, and every rank returns
 * it. The result's scalars are the same on every rank, except the times. */
enum status train_run(const struct run_spec *run, const struct train_hooks *hooks, MPI_Comm group,
                      struct train_result *result);

/* Joins a group that already trains the run. Collective on the extended group: its present ranks call the
 * hook `extend` at the same time. Continues as train_run. If any joining rank has no memory, all joining
 * ranks return at once with TRAIN_FAILED. */
enum status train_join(const struct run_spec *run, const struct train_hooks *hooks, MPI_Comm group,
                       struct train_result *result);

#endif
