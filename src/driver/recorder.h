/* Records the progress and the results of a sweep's runs: the hooks through which the schedule reads and
 * writes the results file, its timeline and the progress display. */
#ifndef DRIVER_RECORDER_H
#define DRIVER_RECORDER_H

#include "base/column.h"
#include "driver/progress.h"
#include "driver/timeline.h"
#include "schedule/schedule.h"
#include "store/store.h"
#include "sweep/sweep.h"

struct recorder {
    struct store *store;
    const struct sweep *sweep;
    struct column_table outcomes; // results_outcomes of the sweep
    struct progress *progress;    // NULL except on rank 0
    struct timeline *timeline;    // NULL except on rank 0
    uint8_t *run_state;           // [runs], maintained on rank 0
    double *written;              // [runs], the clock when a run's progress was last written to the file
    struct store_point *curve;    // [store_points], of the run that this rank leads
    int64_t final_stopped;        // runs that a stop interrupted in their final evaluation; on rank 0
    double final_seconds;         // predicted seconds of the longest of these evaluations on one rank
};

/* Initialises a recorder; the caller sets `progress` and `timeline` on rank 0. Store, sweep and run_state
 * stay the caller's. The caller frees it with recorder_free, which also frees `progress` and `timeline`. */
void recorder_init(struct recorder *recorder, struct store *store, const struct sweep *sweep,
                   uint8_t *run_state);
void recorder_free(struct recorder *recorder);

/* Prints the end of the progress, and a note if a stop interrupted final evaluations. Rank 0 only. */
void recorder_end(const struct recorder *recorder, FILE *err);

/* The hooks for schedule_work. The recorder must outlive them. */
struct schedule_hooks recorder_hooks(struct recorder *recorder, double checkpoint_every);

#endif
