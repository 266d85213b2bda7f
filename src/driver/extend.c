#include "driver/extend.h"

#include "base/memory.h"
#include "driver/probe_file.h"
#include "driver/results.h"
#include "store/file.h"
#include "store/store.h"
#include "sweep/canonical.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NONE = -1 };

struct known_id {
    const char *id;
    int64_t run;
};

/* From the old file to the new one. */
struct growth {
    const struct sweep *sweep; // the new one
    struct store_view *view;   // the old file
    struct store *from, *to;
    struct known_id *known; // [view->runs], sorted
    int64_t *source;        // [sweep->runs]: the old run that it is, or goes on from; NONE: it is new
    bool *longer;           // [sweep->runs]: it goes on
    int lengths;
    int64_t *length; // [lengths]: the steps that old runs have, each once, the most first
    struct column_table outcomes;
};

// ---- which run is which ----

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct known_id *)a)->id, ((const struct known_id *)b)->id);
}

static int64_t find(const struct growth *growth, const char *id)
{
    const struct known_id wanted = {.id = id},
                          *found = bsearch(&wanted, growth->known, (size_t)growth->view->runs,
                                           sizeof *growth->known, by_id);
    return found ? found->run : NONE;
}

static const struct column *old_column(const struct growth *growth, const char *name)
{
    return column_find(&growth->view->columns, name);
}

// The longest of the old runs that are this one with fewer steps.
static int64_t find_shorter(const struct growth *growth, const struct run_spec *spec)
{
    for (int i = 0; i < growth->lengths; i++) {
        struct run_spec shorter = *spec;
        shorter.training.steps = growth->length[i];
        canonical_run_id(&shorter, shorter.id);
        int64_t found = growth->length[i] < spec->training.steps ? find(growth, shorter.id) : NONE;
        if (found != NONE)
            return found;
    }
    return NONE;
}

static int descending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

static void list_lengths(struct growth *growth)
{
    size_t runs = (size_t)growth->view->runs;
    growth->length = memory_small(runs * sizeof *growth->length);
    memcpy(growth->length, old_column(growth, "steps")->ints, runs * sizeof *growth->length);
    qsort(growth->length, runs, sizeof *growth->length, descending);
    for (size_t i = 0; i < runs; i++)
        if (growth->lengths == 0 || growth->length[growth->lengths - 1] != growth->length[i])
            growth->length[growth->lengths++] = growth->length[i];
}

static enum status match(struct growth *growth)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = growth->sweep;
    bool *kept = memory_small((size_t)growth->view->runs * sizeof *kept);
    for (int64_t run = 0; run < sweep->runs; run++) {
        growth->source[run] = find(growth, sweep->run[run].id);
        if (growth->source[run] != NONE)
            kept[growth->source[run]] = true;
    }
    for (int64_t run = 0; run < sweep->runs; run++) {
        const struct run_spec *spec = &sweep->run[run];
        int64_t shorter = growth->source[run] == NONE ? find_shorter(growth, spec) : NONE;
        if (shorter == NONE)
            continue;
        if (spec->training.schedule == SCHEDULE_CONSTANT) {
            growth->source[run] = shorter;
            growth->longer[run] = true;
            kept[shorter] = true;
        } else if (!kept[shorter]) {
            FAIL_DONE(STATUS_RESULTS,
                      "--grow: run %s of %s cannot go on to %lld steps, since its learning rate decays over "
                      "the %lld it "
                      "was made for; only runs at a constant rate can. Keep its steps in the sweep beside "
                      "the new ones "
                      "(they start anew), or give the longer sweep a file of its own with -o",
                      old_column(growth, "run_id")->texts[shorter], growth->view->path,
                      (long long)spec->training.steps, (long long)old_column(growth, "steps")->ints[shorter]);
        }
    }
    for (int64_t old = 0; old < growth->view->runs; old++)
        if (!kept[old])
            FAIL_DONE(STATUS_RESULTS,
                      "--grow only adds: run %s of %s is not in this sweep; keep its settings and add to "
                      "them, or give "
                      "this sweep a file of its own with -o",
                      old_column(growth, "run_id")->texts[old], growth->view->path);
done:
    free(kept);
    return status;
}

// ---- what a run has ----

// curve [growth->view->points]
static enum status read_curve(const struct growth *growth, int64_t old, struct store_point *curve,
                              int64_t *points)
{
    enum status status = STATUS_OK;
    size_t room = (size_t)growth->view->points;
    int64_t *step = memory_small(room * sizeof *step);
    double *loss = memory_small(3 * room * sizeof *loss), *r2 = loss + room, *seconds = r2 + room;
    *points = 0;
    TRY_DONE(store_view_curves(growth->view, old, step, loss, r2, seconds));
    for (size_t i = 0; i < room && step[i] >= 0; i++)
        curve[(*points)++] = (struct store_point){(double)step[i], loss[i], r2[i], seconds[i]};
done:
    free(loss);
    free(step);
    return status;
}

static enum status write_curve(struct growth *growth, int64_t run, const struct store_point *curve,
                               int64_t points)
{
    for (int64_t point = 0; point < points; point++)
        TRY(store_write_curve_point(growth->to, run, point, &curve[point]));
    return STATUS_OK;
}

static enum status copy_checkpoint(struct growth *growth, int64_t run)
{
    enum status status = STATUS_OK;
    struct train_state state = {0};
    const struct training *training = &growth->sweep->run[run].training;
    struct store_point *curve = memory_small((size_t)growth->view->points * sizeof *curve);
    bool found = false;
    TRY_DONE(train_state_alloc((size_t)growth->sweep->cost[run].parameters, &state));
    TRY_DONE(results_load(growth->from, growth->source[run], &state, curve, &found));
    if (!found)
        goto done;
    if (growth->longer[run]) { // the point at the old end is none of the longer run's
        int64_t points = 0;
        for (int64_t i = 0; i < state.scalars.points; i++)
            if ((int64_t)curve[i].step % training->evaluate_every == 0)
                curve[points++] = curve[i];
        state.scalars.points = points;
    }
    TRY_DONE(write_curve(growth, run, curve, state.scalars.points));
    TRY_DONE(results_checkpoint(growth->to, run, &state, curve));
    if (growth->longer[run] || growth->view->status[growth->source[run]] < RUN_DONE)
        TRY_DONE(results_progress(growth->to, run, &state.scalars));
done:
    train_state_free(&state);
    free(curve);
    return status;
}

static double outcome_of(const struct growth *growth, const char *name, int64_t old)
{
    const struct column *column = old_column(growth, name);
    if (!column)
        return NAN;
    return column->type == COLUMN_INT ? (double)column->ints[old] : column->reals[old];
}

static enum status copy_row(struct growth *growth, int64_t run)
{
    enum status status = STATUS_OK;
    int64_t old = growth->source[run];
    enum run_state end = (enum run_state)growth->view->status[old];
    struct store_parameters *parameters = NULL;
    int64_t points, model_checksum = -1;
    struct store_point *curve = memory_small((size_t)growth->view->points * sizeof *curve);
    double *values = memory_small((size_t)growth->outcomes.count * sizeof *values);
    if (end == RUN_DONE)
        TRY_DONE(store_view_parameters(growth->view, old, &parameters));
    TRY_DONE(read_curve(growth, old, curve, &points));
    TRY_DONE(write_curve(growth, run, curve, points));
    if (parameters)
        TRY_DONE(store_write_model(growth->to, run, parameters->values, &model_checksum));
    for (int i = 0; i < growth->outcomes.count; i++)
        values[i] = outcome_of(growth, growth->outcomes.columns[i].name, old);
    TRY_DONE(store_write_row(growth->to, run, end, values, model_checksum,
                             old_column(growth, "message")->texts[old],
                             old_column(growth, "arithmetic")->texts[old]));
done:
    store_parameters_free(&parameters);
    free(values);
    free(curve);
    return status;
}

static enum status copy_run(struct growth *growth, int64_t run)
{
    int64_t old = growth->source[run];
    if (old == NONE)
        return STATUS_OK;
    bool lost = growth->view->status[old] == RUN_DIVERGED || growth->view->status[old] == RUN_FAILED;
    if (growth->longer[run] && lost)
        return STATUS_OK; // nothing to go on from
    TRY(copy_checkpoint(growth, run));
    return !growth->longer[run] && growth->view->status[old] >= RUN_DONE ? copy_row(growth, run) : STATUS_OK;
}

static enum status copy_timeline(struct growth *growth)
{
    struct timeline_interval *intervals;
    int64_t count, kept = 0;
    TRY(store_view_timeline(growth->view, &intervals, &count));
    int64_t *new_run = memory_small((size_t)growth->view->runs * sizeof *new_run);
    for (int64_t run = growth->sweep->runs - 1; run >= 0;
         run--) // a run itself, rather than what goes on from it
        if (growth->source[run] != NONE && growth->longer[run])
            new_run[growth->source[run]] = run;
    for (int64_t run = 0; run < growth->sweep->runs; run++)
        if (growth->source[run] != NONE && !growth->longer[run])
            new_run[growth->source[run]] = run;
    enum status status = STATUS_OK;
    for (int64_t i = 0; i < count && status == STATUS_OK; i++) {
        intervals[i].run = new_run[intervals[i].run];
        status = store_timeline_begin(growth->to, kept++, &intervals[i]);
    }
    free(new_run);
    free(intervals);
    return status;
}

// ---- the file ----

// Mode and owner. Only root may give a file away; anybody else keeps the group where that is allowed.
static enum status keep_access(const char *old, const char *next)
{
    struct stat file;
    bool kept = stat(old, &file) == 0 &&
                (chown(next, file.st_uid, file.st_gid) == 0 || chown(next, (uid_t)-1, file.st_gid) == 0 ||
                 errno == EPERM) &&
                chmod(next, file.st_mode & 07777) == 0;
    return kept ? STATUS_OK : file_write_failure(next, "the larger results file", errno);
}

static enum status fill(struct growth *growth, const char *next)
{
    enum status status = STATUS_OK;
    TRY_DONE(results_create(next, growth->sweep));
    TRY_DONE(keep_access(growth->view->path, next));
    TRY_DONE(store_open(growth->view->path, MPI_COMM_SELF, &growth->from));
    TRY_DONE(store_open(next, MPI_COMM_SELF, &growth->to));
    for (int64_t run = 0; run < growth->sweep->runs; run++)
        TRY_DONE(copy_run(growth, run));
    TRY_DONE(copy_timeline(growth));
done:
    if (growth->to) {
        enum status closed = store_close(&growth->to); // synced
        status = status == STATUS_OK ? closed : status;
    }
    store_close(&growth->from);
    return status;
}

static enum status grow(struct growth *growth)
{
    enum status status = STATUS_OK;
    size_t old_runs = (size_t)growth->view->runs, runs = (size_t)growth->sweep->runs;
    char *next = memory_format("%s.grown", growth->view->path);
    growth->known = memory_small(old_runs * sizeof *growth->known);
    growth->source = memory_small(runs * sizeof *growth->source);
    growth->longer = memory_small(runs * sizeof *growth->longer);
    for (size_t i = 0; i < old_runs; i++)
        growth->known[i] = (struct known_id){old_column(growth, "run_id")->texts[i], (int64_t)i};
    qsort(growth->known, old_runs, sizeof *growth->known, by_id);
    list_lengths(growth);
    results_outcomes(growth->sweep, &growth->outcomes);
    TRY_DONE(match(growth));
    unlink(next); // of a growth that was killed
    TRY_DONE(fill(growth, next));
    TRY_DONE(file_rename(next, growth->view->path, "the larger results file"));
done:
    if (status != STATUS_OK)
        unlink(next);
    column_table_free(&growth->outcomes);
    free(growth->length);
    free(growth->longer);
    free(growth->source);
    free(growth->known);
    free(next);
    return status;
}

enum status extend_file(const char *path, const struct sweep *sweep, bool other_numerics)
{
    struct growth growth = {.sweep = sweep};
    char *real = realpath(path, NULL); // a link stays one
    enum status status = STATUS_OK;
    TRY_DONE(probe_file_view(real ? real : path, &growth.view));
    if (results_same_sweep(growth.view, sweep))
        goto done;
    TRY_DONE(results_check_extension(growth.view, sweep, !other_numerics));
    TRY_DONE(grow(&growth));
done:
    store_view_close(&growth.view);
    free(real);
    return status;
}
