#include "driver/extend.h"

#include "base/memory.h"
#include "base/number.h"
#include "driver/probe_file.h"
#include "driver/results.h"
#include "driver/results_view.h"
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

/* Copy from the old file to the new one. */
struct extension {
    const char *option;        // for messages: --grow or --extend
    const char *otherwise;     // advice for a sweep that the file cannot be extended to, for messages
    const struct sweep *sweep; // the new sweep
    struct store_view *view;   // the old file
    struct store *from, *to;   // the old and the new file
    struct known_id *known;    // results_known_ids of the old file
    int64_t *source;           // [sweep->runs], the old run that the run copies or continues; NONE: new run
    bool *longer;              // [sweep->runs], the run continues the old run with more steps
    int lengths;
    int64_t *length; // [lengths], the distinct numbers of steps of old runs, in ascending order
    struct column_table outcomes;
};

// ---- matching old and new runs ----

static const struct column *old_column(const struct extension *extension, const char *name)
{
    return column_find(&extension->view->columns, name);
}

// The longest old run that differs from `spec` only by fewer steps, or NONE.
static int64_t find_shorter(const struct extension *extension, const struct run_spec *spec)
{
    for (int i = extension->lengths - 1; i >= 0; i--) {
        struct run_spec shorter = *spec;
        if (extension->length[i] >= spec->training.steps)
            continue;
        shorter.training.steps = extension->length[i];
        canonical_run_id(&shorter, shorter.id);
        int64_t found = results_find_id(extension->view, extension->known, shorter.id);
        if (found != NONE)
            return found;
    }
    return NONE;
}

static void list_lengths(struct extension *extension)
{
    size_t runs = (size_t)extension->view->runs;
    extension->length = memory_small(runs * sizeof *extension->length);
    memcpy(extension->length, old_column(extension, "steps")->ints, runs * sizeof *extension->length);
    qsort(extension->length, runs, sizeof *extension->length, number_by_int64);
    for (size_t i = 0; i < runs; i++)
        if (extension->lengths == 0 || extension->length[extension->lengths - 1] != extension->length[i])
            extension->length[extension->lengths++] = extension->length[i];
}

static enum status match(struct extension *extension)
{
    enum status status = STATUS_OK;
    const struct sweep *sweep = extension->sweep;
    bool *kept = memory_small((size_t)extension->view->runs * sizeof *kept);
    for (int64_t run = 0; run < sweep->runs; run++) {
        extension->source[run] = results_find_id(extension->view, extension->known, sweep->run[run].id);
        if (extension->source[run] != NONE)
            kept[extension->source[run]] = true;
    }
    for (int64_t run = 0; run < sweep->runs; run++) {
        const struct run_spec *spec = &sweep->run[run];
        int64_t shorter = extension->source[run] == NONE ? find_shorter(extension, spec) : NONE;
        if (shorter == NONE)
            continue;
        if (spec->training.schedule == SCHEDULE_CONSTANT) {
            extension->source[run] = shorter;
            extension->longer[run] = true;
            kept[shorter] = true;
        } else if (!kept[shorter]) {
            int64_t old_steps = old_column(extension, "steps")->ints[shorter];
            FAIL_DONE(STATUS_RESULTS,
                      "%s: run %s of %s cannot continue to %lld steps, because its learning rate decays "
                      "over %lld steps; only runs at a constant rate can. To keep the run and train the "
                      "longer one from step 0, write the axis `training.steps: [%lld, %lld]`, or %s",
                      extension->option, old_column(extension, "run_id")->texts[shorter],
                      extension->view->path, (long long)spec->training.steps, (long long)old_steps,
                      (long long)old_steps, (long long)spec->training.steps, extension->otherwise);
        }
    }
    for (int64_t old = 0; old < extension->view->runs; old++)
        if (!kept[old])
            FAIL_DONE(STATUS_RESULTS,
                      "%s only adds: run %s of %s is not in this sweep; keep its settings and add to "
                      "them, or %s",
                      extension->option, old_column(extension, "run_id")->texts[old], extension->view->path,
                      extension->otherwise);
done:
    free(kept);
    return status;
}

// ---- copying runs ----

static enum status write_curve(struct extension *extension, int64_t run, const struct store_point *curve,
                               int64_t points)
{
    for (int64_t point = 0; point < points; point++)
        TRY(store_write_curve_point(extension->to, run, point, &curve[point]));
    return STATUS_OK;
}

static enum status copy_checkpoint(struct extension *extension, int64_t run)
{
    enum status status = STATUS_OK;
    struct train_state state = {0};
    const struct training *training = &extension->sweep->run[run].training;
    struct store_point *curve = memory_small((size_t)extension->view->points * sizeof *curve);
    bool found = false;
    TRY_DONE(train_state_alloc((size_t)extension->sweep->run[run].cost.parameters, &state));
    TRY_DONE(results_load(extension->from, extension->source[run], &state, curve, &found));
    if (!found)
        goto done;
    if (extension->longer[run]) { // drop the point of the old run's last step, which the longer run lacks
        int64_t points = 0;
        for (int64_t i = 0; i < state.scalars.points; i++)
            if ((int64_t)curve[i].step % training->evaluate_every == 0)
                curve[points++] = curve[i];
        state.scalars.points = points;
    }
    TRY_DONE(write_curve(extension, run, curve, state.scalars.points));
    TRY_DONE(results_checkpoint(extension->to, run, &state, curve));
    if (extension->longer[run] || extension->view->status[extension->source[run]] < RUN_DONE)
        TRY_DONE(results_progress(extension->to, run, &state.scalars));
done:
    train_state_free(&state);
    free(curve);
    return status;
}

static enum status copy_row(struct extension *extension, int64_t run)
{
    enum status status = STATUS_OK;
    int64_t old = extension->source[run];
    enum run_state end = (enum run_state)extension->view->status[old];
    struct store_parameters *parameters = NULL;
    int64_t points, model_checksum = -1;
    struct store_point *curve = memory_small((size_t)extension->view->points * sizeof *curve);
    double *values = memory_small((size_t)extension->outcomes.count * sizeof *values);
    if (end == RUN_DONE)
        TRY_DONE(store_view_parameters(extension->view, old, &parameters));
    TRY_DONE(results_view_curve(extension->view, old, curve, &points));
    TRY_DONE(write_curve(extension, run, curve, points));
    if (parameters)
        TRY_DONE(store_write_model(extension->to, run, parameters->values, &model_checksum));
    for (int i = 0; i < extension->outcomes.count; i++)
        values[i] = column_number(old_column(extension, extension->outcomes.columns[i].name), old);
    TRY_DONE(store_write_row(extension->to, run, end, values, model_checksum,
                             old_column(extension, "message")->texts[old],
                             old_column(extension, "arithmetic")->texts[old]));
done:
    store_parameters_free(&parameters);
    free(values);
    free(curve);
    return status;
}

// True if the old run diverged or failed: a run that continues it starts at step 0.
static bool is_lost(const struct extension *extension, int64_t old)
{
    enum run_state state = (enum run_state)extension->view->status[old];
    return state == RUN_DIVERGED || state == RUN_FAILED;
}

static enum status copy_run(struct extension *extension, int64_t run)
{
    int64_t old = extension->source[run];
    if (old == NONE || (extension->longer[run] && is_lost(extension, old)))
        return STATUS_OK;
    TRY(copy_checkpoint(extension, run));
    return !extension->longer[run] && extension->view->status[old] >= RUN_DONE ? copy_row(extension, run)
                                                                               : STATUS_OK;
}

static enum status copy_timeline(struct extension *extension)
{
    struct timeline_interval *intervals;
    int64_t count, kept = 0;
    TRY(store_view_timeline(extension->view, &intervals, &count));
    int64_t *new_run = memory_small((size_t)extension->view->runs * sizeof *new_run);
    // An unchanged run takes the intervals of its old run; else the first of the longer runs that continue
    // it.
    for (int64_t run = extension->sweep->runs - 1; run >= 0; run--)
        if (extension->source[run] != NONE && extension->longer[run])
            new_run[extension->source[run]] = run;
    for (int64_t run = 0; run < extension->sweep->runs; run++)
        if (extension->source[run] != NONE && !extension->longer[run])
            new_run[extension->source[run]] = run;
    enum status status = STATUS_OK;
    for (int64_t i = 0; i < count && status == STATUS_OK; i++) {
        intervals[i].run = new_run[intervals[i].run];
        status = store_timeline_begin(extension->to, kept++, &intervals[i]);
    }
    free(new_run);
    free(intervals);
    return status;
}

// ---- the file ----

// Copies mode and owner of `old` to `next`. Without root's rights the owner stays, and the group if it must.
static enum status keep_access(const char *old, const char *next)
{
    struct stat file;
    bool kept = stat(old, &file) == 0 &&
                (chown(next, file.st_uid, file.st_gid) == 0 || chown(next, (uid_t)-1, file.st_gid) == 0 ||
                 errno == EPERM) &&
                chmod(next, file.st_mode & 07777) == 0;
    return kept ? STATUS_OK : file_write_failure(next, "the larger results file", errno);
}

static enum status fill(struct extension *extension, const char *next)
{
    enum status status = STATUS_OK;
    TRY_DONE(results_create(next, extension->sweep));
    TRY_DONE(keep_access(extension->view->path, next));
    TRY_DONE(store_open(extension->view->path, MPI_COMM_SELF, &extension->from));
    TRY_DONE(store_open(next, MPI_COMM_SELF, &extension->to));
    for (int64_t run = 0; run < extension->sweep->runs; run++)
        TRY_DONE(copy_run(extension, run));
    TRY_DONE(copy_timeline(extension));
done:
    if (extension->to) {
        enum status closed = store_close(&extension->to); // synced
        status = status == STATUS_OK ? closed : status;
    }
    store_close(&extension->from);
    return status;
}

static void extension_alloc(struct extension *extension)
{
    size_t runs = (size_t)extension->sweep->runs;
    extension->known = results_known_ids(extension->view);
    extension->source = memory_small(runs * sizeof *extension->source);
    extension->longer = memory_small(runs * sizeof *extension->longer);
    list_lengths(extension);
    results_outcomes(extension->sweep, &extension->outcomes);
}

static void extension_free(struct extension *extension)
{
    column_table_free(&extension->outcomes);
    free(extension->length);
    free(extension->longer);
    free(extension->source);
    free(extension->known);
}

static enum status write_extended(struct extension *extension)
{
    enum status status = STATUS_OK;
    char *next = memory_format("%s.grown", extension->view->path);
    extension_alloc(extension);
    TRY_DONE(match(extension));
    TRY_DONE(file_remove_leftover(next));
    status = fill(extension, next);
    if (status == STATUS_OK)
        status = file_rename(next, extension->view->path, "the larger results file");
    if (status != STATUS_OK)
        unlink(next);
done:
    extension_free(extension);
    free(next);
    return status;
}

enum status extend_file(const char *path, const struct sweep *sweep, bool other_numerics)
{
    struct extension extension = {
        .option = "--grow", .otherwise = "give this sweep a file of its own with -o", .sweep = sweep};
    char *real = realpath(path, NULL); // the rename replaces the file, not a symbolic link to it
    enum status status = STATUS_OK;
    TRY_DONE(probe_file_view(real ? real : path, &extension.view));
    if (results_same_sweep(extension.view, sweep))
        goto done;
    TRY_DONE(results_check(extension.view, sweep, true, !other_numerics));
    TRY_DONE(write_extended(&extension));
done:
    store_view_close(&extension.view);
    free(real);
    return status;
}

// True if the run has ended in the old file. Sets *steps to the steps from which it continues otherwise.
static bool has_ended(const struct extension *extension, int64_t run, int64_t *steps)
{
    int64_t old = extension->source[run];
    *steps = 0;
    if (old == NONE)
        return false;
    if (!is_lost(extension, old))
        *steps = old_column(extension, "steps_done")->ints[old];
    return !extension->longer[run] && extension->view->status[old] >= RUN_DONE;
}

enum status extend_remaining(const char *path, const struct sweep *sweep, struct sweep *left, int64_t *steps)
{
    struct extension extension = {
        .option = "--extend", .otherwise = "plan this sweep without --extend", .sweep = sweep};
    enum status status = STATUS_OK;
    *left = *sweep;
    left->run = memory_small((size_t)sweep->runs * sizeof *left->run);
    left->runs = 0;
    TRY(probe_file_view(path, &extension.view));
    extension_alloc(&extension);
    if (!results_same_sweep(extension.view, sweep))
        TRY_DONE(results_check(extension.view, sweep, true, false));
    TRY_DONE(match(&extension));
    for (int64_t run = 0; run < sweep->runs; run++)
        if (!has_ended(&extension, run, &steps[left->runs]))
            left->run[left->runs++] = sweep->run[run];
done:
    extension_free(&extension);
    store_view_close(&extension.view);
    return status;
}
