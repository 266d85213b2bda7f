/* A sweep and its results file: what the file holds for it, whether a file is this sweep's, and what a run
 * leaves in it. The only place that knows both sides. */
#ifndef DRIVER_RESULTS_H
#define DRIVER_RESULTS_H

#include "schedule/schedule.h"
#include "store/store.h"
#include "sweep/sweep.h"

/* The results columns of every run, in the file's order; behind them those of further evaluations. */
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

/* The outcome columns of this sweep's file, without rows: the above, and the scores of further evaluations
 * that any of its runs asks for. The caller frees them with column_table_free. */
void results_outcomes(const struct sweep *sweep, struct column_table *outcomes);

/* Creates the file for this sweep. One process. */
enum status results_create(const char *path, const struct sweep *sweep);

/* STATUS_RESULTS with a sentence unless the file is this sweep's and, if `same_numerics`, was begun with this
 * process's arithmetic. */
enum status results_check(const struct store_view *view, const struct sweep *sweep, bool same_numerics);

/* Whether the file holds the runs of this sweep, in its order, under its name. */
bool results_same_sweep(const struct store_view *view, const struct sweep *sweep);

/* As results_check, for a sweep of the same name that may have other runs. */
enum status results_check_extension(const struct store_view *view, const struct sweep *sweep,
                                    bool same_numerics);

/* Checkpoints: the state of a run and its curve so far, [state->scalars.points]. `curve` has room for
 * store_points, or is NULL where it is not wanted. */
enum status results_load(struct store *store, int64_t run, struct train_state *state,
                         struct store_point *curve, bool *found);
enum status results_checkpoint(struct store *store, int64_t run, const struct train_state *state,
                               const struct store_point *curve);

/* The size in bytes of the file for this sweep. */
enum status results_bytes(const struct sweep *sweep, int64_t *bytes);

/* How far an unfinished run is. */
enum status results_progress(struct store *store, int64_t run, const struct train_scalars *scalars);

/* `run_scores`: of the run's extra_evaluations_list; `outcomes`: of results_outcomes. */
enum status results_finish(struct store *store, const struct sweep *sweep,
                           const struct column_table *outcomes, int64_t run, enum train_end end,
                           const struct train_scalars *scalars, const double *run_scores,
                           const char *message);

#endif
