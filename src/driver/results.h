/* Results file of a sweep: the columns, the check that a file belongs to a sweep, checkpoints and rows. The
 * only component that depends on both sweep/ and store/. */
#ifndef DRIVER_RESULTS_H
#define DRIVER_RESULTS_H

#include "schedule/schedule.h"
#include "store/store.h"
#include "sweep/sweep.h"

/* The outcome columns of every file, in the file's order. The columns of extra evaluations come after them.
 */
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

/* Fills the table with the outcome columns of the sweep's file, without rows: enum outcome, then the scores
 * of the extra evaluations of any run. The caller frees it with column_table_free. */
void results_outcomes(const struct sweep *sweep, struct column_table *outcomes);

/* Creates the file for the sweep. Not collective. */
enum status results_create(const char *path, const struct sweep *sweep);

/* STATUS_RESULTS if the file belongs to another sweep or cannot be continued. With `same_numerics` also if
 * the numerics of the file differ from those of this process. `extend`: only the name of the sweep must be
 * the file's, not the runs. */
enum status results_check(const struct store_view *view, const struct sweep *sweep, bool extend,
                          bool same_numerics);

/* True if the file has the name and the runs of the sweep, in the same order. */
bool results_same_sweep(const struct store_view *view, const struct sweep *sweep);

/* An id of a results file, and its row. */
struct known_id {
    const char *id;
    int64_t run;
};

/* Returns the ids of the file's runs [view->runs], sorted for results_find_id; the caller frees the array. */
struct known_id *results_known_ids(const struct store_view *view);

/* Returns the row with this id; -1: the file has no such run. */
int64_t results_find_id(const struct store_view *view, const struct known_id *known, const char *id);

/* Whether any run of the sweep computes in `precision`. */
bool results_has_precision(const struct sweep *sweep, enum precision precision);

/* Read and write a checkpoint: the state of a run and its curve. For reading, curve is [store_points] or
 * NULL; for writing, [state->scalars.points]. *found is false if the run has no valid checkpoint. */
enum status results_load(struct store *store, int64_t run, struct train_state *state,
                         struct store_point *curve, bool *found);
enum status results_checkpoint(struct store *store, int64_t run, const struct train_state *state,
                               const struct store_point *curve);

/* Sets *bytes to the size of the file that results_create would create. */
enum status results_bytes(const struct sweep *sweep, int64_t *bytes);

/* Writes the outcomes of an unfinished run. */
enum status results_progress(struct store *store, int64_t run, const struct train_scalars *scalars);

/* Sets values [outcomes->count] to the outcomes of a run that is done; run_scores: in the order of the run's
 * extra_evaluations_list, outcomes: from results_outcomes. */
void results_values(const struct run_spec *run, const struct column_table *outcomes,
                    const struct train_scalars *scalars, const double *run_scores, double *values);

/* State of a run whose training ended with `end`. */
enum run_state results_run_state(enum train_end end);

/* Writes the row of a finished run, and its model if the run is done; for TRAIN_STOPPED only the progress.
 * run_scores: in the order of the run's extra_evaluations_list; outcomes: from results_outcomes. */
enum status results_finish(struct store *store, const struct sweep *sweep,
                           const struct column_table *outcomes, int64_t run, enum train_end end,
                           const struct train_scalars *scalars, const double *run_scores,
                           const char *message);

#endif
