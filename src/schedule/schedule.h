/* Who runs what: a master that also trains, and groups of ranks.
 *
 * Rank 0 hands the runs out, longest first, to groups of free ranks, and serves its queue between shards
 * of its own training. When no run waits any more, free ranks join the groups that still work. Where
 * results go is the hooks' business. */
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

    /* The leader of a run's group. */
    enum status (*load)(void *context, int64_t run, struct train_state *state, bool *found);
    enum status (*checkpoint)(void *context, int64_t run, const struct train_state *state);
    /* Keeps a curve point for the next checkpoints; the master gets it as `point`. */
    void (*curve)(void *context, int64_t point, const struct train_scalars *scalars);

    /* The master. From now on these work on the run: it has started, or more have joined.  ranks [size] */
    enum status (*started)(void *context, int64_t run, const int *ranks, int size);
    enum status (*grown)(void *context, int64_t run, const int *ranks, int size, int64_t step);
    enum status (*progress)(void *context, int64_t run, const struct train_scalars *scalars);
    /* Writes a curve point. */
    enum status (*point)(void *context, int64_t run, int64_t point, const struct train_scalars *scalars);
    /* A run that is done has a checkpoint of its last step. */
    enum status (*finished)(void *context, int64_t run, enum train_end end,
                            const struct train_scalars *scalars, const double *scores, const char *message);
    void (*tick)(void *context); // now and then
};

struct schedule_job {
    const struct train_run *run;       // [runs]
    const struct policy_run *estimate; // [runs]
    const int64_t *todo;               // [todo_count], the runs to do
    int64_t todo_count;
    int group; // ranks a run, or 0 to choose
};

/* How many of so many ranks have work at the start. */
int schedule_ranks_used(const struct schedule_job *job, int ranks);

/* Does all runs; collective on world. Returns the same status on every rank: STATUS_OK when each run ended
 * (well or not), STATUS_INTERRUPTED after a stop that left work, another when results could not be
 * written. */
enum status schedule_work(const struct schedule_job *job, const struct schedule_hooks *hooks, MPI_Comm world);

#endif
