/* Distribution of the runs of a sweep over groups of ranks.
 *
 * The master (rank 0) assigns the runs, longest first, to groups of free ranks, and serves its queue between
 * shards of its own training. When no run waits, free ranks join running groups. The hooks write results. */
#ifndef SCHEDULE_SCHEDULE_H
#define SCHEDULE_SCHEDULE_H

#include "base/status.h"
#include "schedule/policy.h"
#include "train/train.h"

#include <mpi.h>
#include <stdbool.h>

struct schedule_hooks {
    void *context;
    double checkpoint_every; // seconds

    /* Called by the leader of a run's group. */
    enum status (*load)(void *context, int64_t run, struct train_state *state, bool *found);
    enum status (*checkpoint)(void *context, int64_t run, const struct train_state *state);
    /* Keeps a curve point for the next checkpoints. The master receives the same point through `point`. */
    void (*curve)(void *context, int64_t point, const struct train_scalars *scalars);

    /* Called by the master: the run was assigned to a group, or its group was extended at `step`.
     * ranks [size] */
    enum status (*started)(void *context, int64_t run, const int *ranks, int size);
    enum status (*extended)(void *context, int64_t run, const int *ranks, int size, int64_t step);
    enum status (*progress)(void *context, int64_t run, const struct train_scalars *scalars);
    /* Writes a curve point. */
    enum status (*point)(void *context, int64_t run, int64_t point, const struct train_scalars *scalars);
    /* Writes the outcome of a run; a run with TRAIN_DONE has a checkpoint of its last step. */
    enum status (*finished)(void *context, int64_t run, enum train_end end,
                            const struct train_scalars *scalars, const double *scores, const char *message);
    void (*tick)(void *context); // called whenever the master polls
};

struct schedule_job {
    int64_t runs;
    const struct run_spec *run;        // [runs]
    const struct policy_run *estimate; // [runs]
    const int64_t *todo;               // [todo_count], indices of the runs to do
    int64_t todo_count;
    int group; // ranks per run, or 0 to choose
};

/* Returns how many of `ranks` ranks have work at the start. */
int schedule_ranks_used(const struct schedule_job *job, int ranks);

/* Trains all runs of the job; collective on world. Returns the same status on every rank: STATUS_OK if every
 * run ended as done, diverged or failed, STATUS_INTERRUPTED if a stop left work, another status if results
 * could not be written. */
enum status schedule_work(const struct schedule_job *job, const struct schedule_hooks *hooks, MPI_Comm world);

#endif
