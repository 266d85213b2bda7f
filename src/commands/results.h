/* A sweep and its results file: what the file holds for it, whether a file is this sweep's, and what a run leaves in
 * it. The only place that knows both sides. */
#ifndef COMMANDS_RESULTS_H
#define COMMANDS_RESULTS_H

#include "schedule/schedule.h"
#include "store/store.h"
#include "sweep/sweep.h"

/* The results columns of a finished run, in the file's order. */
enum outcome {
    OUTCOME_STEPS_DONE,
    OUTCOME_LOSS,
    OUTCOME_LOSS_EMA,
    OUTCOME_R2,
    OUTCOME_R2_STDERR,
    OUTCOME_WALL_SECONDS,
    OUTCOME_RANK_SECONDS,
    OUTCOMES,
};

/* Creates the file for this sweep. One process. */
enum status results_create(const char *path, const struct sweep *sweep);

/* STATUS_RESULTS with a sentence unless the file is this sweep's and, if `same_arithmetic`, was begun with this
 * process's arithmetic. */
enum status results_check(const struct store_view *view, const struct sweep *sweep, bool same_arithmetic);

/* Checkpoints: the state of a run as pieces. */
enum status results_load(struct store *store, int64_t run, struct train_state *state, bool *found);
enum status results_checkpoint(struct store *store, int64_t run, const struct train_state *state);

/* How far an unfinished run is. */
enum status results_progress(struct store *store, int64_t run, const struct train_scalars *scalars);

enum status results_finish(struct store *store, int64_t run, enum train_end end,
                           const struct train_scalars *scalars, const struct schedule_sums *sums,
                           const char *message);

#endif
