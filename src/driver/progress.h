/* Progress of a running sweep, printed to standard error. Rank 0 only. */
#ifndef DRIVER_PROGRESS_H
#define DRIVER_PROGRESS_H

#include "sweep/sweep.h"

#include <stdbool.h>
#include <stdio.h>

/* The choices of `run --progress`. */
enum progress_kind {
    PROGRESS_AUTO,  // live on a terminal, else lines
    PROGRESS_LIVE,  // a display that redraws itself
    PROGRESS_LINES, // one line every 10 s
    PROGRESS_NONE,
};

struct progress;

/* Creates the progress of a sweep. The sweep must outlive it. The caller frees it with progress_destroy. */
void progress_create(enum progress_kind kind, const struct sweep *sweep, FILE *err,
                     struct progress **progress);
void progress_destroy(struct progress **progress);

/* Registers a run before training begins. `steps`: the steps that are done; `left`: the run is not finished.
 * Runs that are not registered do not count. */
void progress_begin(struct progress *progress, int64_t run, int64_t steps, bool left);

/* Report that `ranks` ranks train the run, and how far they are. wall_seconds: time of the run so far. */
void progress_started(struct progress *progress, int64_t run, int ranks);
void progress_at(struct progress *progress, int64_t run, int64_t steps, double loss, double wall_seconds);
/* Report the end of a run, or an interruption after `steps` steps. outcome: "done", "diverged", ... */
void progress_finished(struct progress *progress, int64_t run, const char *outcome, double r2);
void progress_stopped(struct progress *progress, int64_t run, int64_t steps);

/* Prints if the interval between two outputs has passed. Call often. */
void progress_tick(struct progress *progress);
/* Prints the final state. */
void progress_end(struct progress *progress);

#endif
