/* How one run learns: the step loop of a group of ranks.
 *
 * The group shares the shards of every batch, sums their gradients in the fixed tree, and each rank updates
 * its own copy of the parameters with the same bits. The group's leader (rank 0 of its communicator) keeps
 * the results through the hooks; where they go is not known here. Between two steps the group may become
 * larger. */
#ifndef TRAIN_TRAIN_H
#define TRAIN_TRAIN_H

#include "base/status.h"
#include "spec/extra_evaluations.h"

#include <mpi.h>
#include <stdbool.h>

/* Everything that a run consists of besides its settings: what a checkpoint holds. */
struct train_state {
    struct train_scalars {
        int64_t step;   // steps done
        int64_t points; // curve points done
        double loss;    // mean over the last step's batch
        double loss_ema;
        double r2, r2_stderr; // of the last evaluation
        double wall_seconds;  // since the run's first step, interruptions left out
        double rank_seconds;  // the same times the ranks that took part
    } scalars;
    size_t parameters_count;
    float *parameters, *first, *second; // [parameters_count]; the moments of the optimizer
};

/* What the outside does for a run. Only the leader calls load, checkpoint and curve; every rank calls poll.
 */
struct train_hooks {
    void *context;
    /* Fills the state from the run's newest checkpoint; *found = false if there is none. */
    enum status (*load)(void *context, struct train_state *state, bool *found);
    enum status (*checkpoint)(void *context, const struct train_state *state);
    enum status (*curve)(void *context, int64_t point, const struct train_state *state);
    /* Called often: between shards, or a few of them. Messages, progress; may call stop_request(). */
    void (*poll)(void *context, const struct train_scalars *now);
    double checkpoint_every; // seconds

    /* Growth; NULL where there is none. `growing` asks the leader, after the shards of each step, whether a
     * larger group waits; if so, every rank calls `larger` after that step, and gets the communicator of the
     * old ranks, in their order, and the newcomers behind them. Then `grown` tells each of the old ranks
     * which of the two communicators is the group's from now on: the smaller one, if a newcomer had no
     * memory. */
    bool (*extension_pending)(void *context);
    MPI_Comm (*extend)(void *context);
    void (*extended)(void *context, bool larger, const struct train_scalars *now);
};

enum train_end { TRAIN_DONE, TRAIN_DIVERGED, TRAIN_FAILED, TRAIN_STOPPED };

struct train_run {
    struct task_spec task;
    struct model_spec model;
    struct training training;
};

struct train_result {
    enum train_end end;
    struct train_state state;        // the caller frees it with train_state_free
    char message[256];               // why it diverged or failed
    double scores[EXTRA_SCORES_MAX]; // of extra_evaluations_list, one after the other; NaN unless TRAIN_DONE
};

/* Trains until the last step, evaluates the trained model further, or ends early by a stop or a failure;
 * collective on group, the size of which is a power of two that divides the shards. A run that diverges or
 * has no memory ends as such with STATUS_OK; another status means that a hook failed, on every rank. The
 * result's scalars are the same on every rank, but for the times. */
enum status train_run(const struct train_run *run, const struct train_hooks *hooks, MPI_Comm group,
                      struct train_result *result);

/* A newcomer's side of growth: collective on the larger group, with the `larger` of the ranks that train the
 * run already. From there on as train_run; if any newcomer has no memory, all of them return at once, with
 * TRAIN_FAILED. */
enum status train_join(const struct train_run *run, const struct train_hooks *hooks, MPI_Comm group,
                       struct train_result *result);

/* Gives the state `count` parameters and their moments, all 0, in one block: an update reads all of it, and
 * large blocks lie in huge pages. The caller frees it with train_state_free. STATUS_MEMORY if it cannot be
 * had. */
enum status train_state_alloc(size_t count, struct train_state *state);

void train_state_free(struct train_state *state);

#endif
