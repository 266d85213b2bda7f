#include "driver/results_view.h"

#include "base/memory.h"
#include "driver/best_run.h"
#include "driver/selection.h"
#include "driver/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum run_state results_view_state(const struct store_view *view, int64_t run, bool live)
{
    enum run_state state = (enum run_state)view->status[run];
    return state == RUN_RUNNING && !live ? RUN_PENDING : state;
}

const char *results_view_state_name(enum run_state state)
{
    static const char *const names[] = {"pending", "running", "done", "diverged", "failed"};
    return names[state];
}

// Returns the conditions of `best` or `best,CONDITIONS`; NULL for another selection.
static const char *best_conditions(const char *argument)
{
    size_t length = strlen("best");
    if (strncmp(argument, "best", length) != 0 || (argument[length] != '\0' && argument[length] != ','))
        return NULL;
    return argument + length + (argument[length] == ',');
}

static enum status find_best(const struct store_view *view, const struct selection *selection,
                             const char *conditions, int64_t *run)
{
    struct selection conditional = *selection;
    conditional.argument = conditions;
    if (*conditions && !strchr(conditions, '='))
        FAIL(STATUS_USAGE, "%s %s: expected `best`, or `best` and conditions, such as best,seed=1",
             selection->option, selection->argument);
    bool *chosen = memory_small((size_t)view->runs * sizeof *chosen);
    memset(chosen, !*conditions, (size_t)view->runs * sizeof *chosen);
    enum status status = *conditions ? selection_add(&conditional, chosen) : STATUS_OK;
    if (status == STATUS_OK)
        status = best_run_find(view, selection, chosen, run);
    free(chosen);
    return status;
}

enum status results_view_find_run(const struct store_view *view, const char *option, const char *argument,
                                  int64_t *run)
{
    struct column_table settings = view->columns;
    settings.count = view->settings;
    char *lister = memory_format("weightsweep status %s", view->path);
    struct selection selection = {&settings, option, argument, lister};
    const char *conditions = best_conditions(argument);
    enum status status =
        conditions ? find_best(view, &selection, conditions, run) : selection_find(&selection, run);
    free(lister);
    return status;
}

enum status results_view_model(const struct store_view *view, int64_t run,
                               struct store_parameters **parameters)
{
    enum run_state state = (enum run_state)view->status[run];
    const struct column *done = column_find(&view->columns, "steps_done"),
                        *steps = column_find(&view->columns, "steps");
    if (state != RUN_DONE)
        FAIL(STATUS_RESULTS,
             "run %s of %s is %s after %lld of %lld steps: only a run that is done has a model",
             column_find(&view->columns, "run_id")->texts[run], view->path, results_view_state_name(state),
             (long long)(done ? done->ints[run] : 0), (long long)(steps ? steps->ints[run] : 0));
    return store_view_parameters(view, run, parameters);
}

enum status results_view_curve(const struct store_view *view, int64_t run, struct store_point *curve,
                               int64_t *points)
{
    TRY(store_view_curves(view, run, curve));
    for (*points = 0; *points < view->points && curve[*points].step >= 0;)
        ++*points;
    return STATUS_OK;
}

// ---- settings ----

enum status results_view_sweep(const struct store_view *view, struct sweep **sweep)
{
    char *name = memory_format("%s, attribute `resolved`", view->path);
    enum status status = sweep_create(name, view->resolved, 0, NULL, sweep);
    free(name);
    if (status == STATUS_OK)
        return STATUS_OK;
    char *diagnostics = memory_text(status_message());
    status =
        FAILED(STATUS_RESULTS, "%s: this version cannot read the file's sweep (attribute `resolved`):\n%s",
               view->path, diagnostics);
    free(diagnostics);
    return status;
}

// Runs and rows have the same order. The first character of an id is a digit in files of schema version 1.
enum status results_view_spec(const struct store_view *view, const struct sweep *sweep, int64_t run,
                              struct run_spec *spec)
{
    const char *id = column_find(&view->columns, "run_id")->texts[run];
    if (run < sweep->runs && id[0] != '\0' && strcmp(sweep->run[run].id + 1, id + 1) == 0) {
        *spec = sweep->run[run];
        snprintf(spec->id, sizeof spec->id, "%s", id);
        return STATUS_OK;
    }
    FAIL(STATUS_RESULTS,
         "%s: run %s is not in the file's sweep (attribute `resolved`); check the file with "
         "`weightsweep verify`",
         view->path, id);
}

// ---- tables ----

static void copy_column(struct column_table *table, const struct store_view *view, const char *name)
{
    const struct column *from = column_find(&view->columns, name);
    if (from)
        column_copy(table, from, NULL);
}

void results_view_runs(const struct store_view *view, bool live, struct column_table *table)
{
    table->rows = view->runs;
    for (int i = 0; i < view->settings; i++)
        copy_column(table, view, view->columns.columns[i].name);
    struct column *column = column_add(table, "status", COLUMN_TEXT, "1", "state of the run");
    for (int64_t run = 0; run < table->rows; run++)
        column->texts[run] = memory_text(results_view_state_name(results_view_state(view, run, live)));
    for (int i = view->settings; i < view->settings + view->outcomes; i++)
        copy_column(table, view, view->columns.columns[i].name);
    copy_column(table, view, "message");
    copy_column(table, view, "arithmetic");
}

enum status results_view_curves(const struct store_view *view, struct column_table *table)
{
    enum status status = STATUS_OK;
    int64_t *count = memory_small((size_t)view->runs * sizeof *count), points = 0, row = 0;
    struct store_point *curve = NULL; // the curves of all runs, one after the other
    for (int64_t run = 0; run < view->runs; run++) {
        curve = memory_grow(curve, (size_t)(points + view->points) * sizeof *curve);
        TRY_DONE(results_view_curve(view, run, &curve[points], &count[run]));
        points += count[run];
    }
    table->rows = points;
    char **id = column_add(table, "run_id", COLUMN_TEXT, "1", "run")->texts;
    int64_t *step = column_add(table, "curve_step", COLUMN_INT, "steps", "training step")->ints;
    double *loss =
        column_add(table, "curve_loss", COLUMN_REAL, "1", "training loss, exponential moving average")->reals;
    double *r2 = column_add(table, "curve_r2", COLUMN_REAL, "1", "R^2 on held-out generators")->reals;
    double *seconds =
        column_add(table, "curve_seconds", COLUMN_REAL, "s", "time since the run's first step")->reals;
    const struct column *ids = column_find(&view->columns, "run_id");
    for (int64_t run = 0; run < view->runs; run++)
        for (int64_t i = 0; i < count[run]; i++, row++) {
            id[row] = memory_text(ids->texts[run]);
            step[row] = (int64_t)curve[row].step;
            loss[row] = curve[row].loss;
            r2[row] = curve[row].r2;
            seconds[row] = curve[row].seconds;
        }
done:
    free(curve);
    free(count);
    return status;
}

enum status results_view_timeline(const struct store_view *view, struct column_table *table)
{
    struct timeline_interval *intervals;
    TRY(store_view_timeline(view, &intervals, &table->rows));
    timeline_columns(table);
    const struct column *ids = column_find(&view->columns, "run_id");
    for (int64_t row = 0; row < table->rows; row++)
        timeline_row(table, row, ids->texts[intervals[row].run], &intervals[row]);
    free(intervals);
    return STATUS_OK;
}
