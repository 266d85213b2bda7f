/* How far a sweep is, on standard error while it runs. */
#ifndef DRIVER_PROGRESS_H
#define DRIVER_PROGRESS_H

#include "base/status.h"
#include "sweep/sweep.h"

#include <stdbool.h>
#include <stdio.h>

enum progress_kind {
    PROGRESS_AUTO,  // live on a terminal, else lines
    PROGRESS_LIVE,  // a display that redraws itself
    PROGRESS_LINES, // a plain line every so often
    PROGRESS_NONE,
};

struct progress;

enum status progress_kind_of(const char *name, enum progress_kind *kind);

/* The sweep stays the caller's. */
void progress_create(enum progress_kind kind, const struct sweep *sweep, FILE *err,
                     struct progress **progress);
void progress_destroy(struct progress **progress);

/* What is known before the work begins, for each run that counts: the steps it has done already, and whether
 * anything is left of it. */
void progress_begin(struct progress *progress, int64_t run, int64_t steps, bool left);

void progress_started(struct progress *progress, int64_t run, int ranks);
void progress_at(struct progress *progress, int64_t run, int64_t steps, double loss, double wall_seconds);
/* how: "done", "diverged", ... */
void progress_finished(struct progress *progress, int64_t run, const char *how, double r2);
void progress_stopped(struct progress *progress, int64_t run, int64_t steps);

/* Prints when it is time to. */
void progress_tick(struct progress *progress);
/* The last picture. */
void progress_end(struct progress *progress);

#endif
