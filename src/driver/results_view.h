/* A view of a results file as tables, and a run of it by its name. For status, export and predict. */
#ifndef DRIVER_RESULTS_VIEW_H
#define DRIVER_RESULTS_VIEW_H

#include "store/store.h"
#include "sweep/sweep.h"

/* State of a run as shown to users: a run that is marked running is pending if no process holds the file's
 * lock. `live`: a process holds the lock. */
enum run_state results_view_state(const struct store_view *view, int64_t run, bool live);
const char *results_view_state_name(enum run_state state);

/* Finds the run that `argument` of `option` selects: as in selection.h, or `best` or `best,CONDITIONS`
 * (best_run.h). STATUS_USAGE unless it is exactly one. */
enum status results_view_find_run(const struct store_view *view, const char *option, const char *argument,
                                  int64_t *run);

/* Reads the parameters of a finished run; STATUS_RESULTS if the run is not done. The caller frees them. */
enum status results_view_model(const struct store_view *view, int64_t run,
                               struct store_parameters **parameters);

/* Reads the curve of a run: curve [view->points], of which *points are reached. */
enum status results_view_curve(const struct store_view *view, int64_t run, struct store_point *curve,
                               int64_t *points);

/* Creates the sweep from the file's attribute `resolved`, which has all settings. The caller destroys it. */
enum status results_view_sweep(const struct store_view *view, struct sweep **sweep);

/* Sets *spec to the run of that row. STATUS_RESULTS if it is not in the sweep. */
enum status results_view_spec(const struct store_view *view, const struct sweep *sweep, int64_t run,
                              struct run_spec *spec);

/* The tables that `export` prints. The caller frees them. */

/* One row per run: settings, status, outcomes. */
void results_view_runs(const struct store_view *view, bool live, struct column_table *table);

/* One row per point that a run's curve has reached. */
enum status results_view_curves(const struct store_view *view, struct column_table *table);

/* One row per interval in which a range of ranks worked on a run. */
enum status results_view_timeline(const struct store_view *view, struct column_table *table);

#endif
