#include "driver/results.h"

#include "base/memory.h"
#include "driver/versions.h"
#include "kernel/numerics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct column every_run[OUTCOMES] = {
    [OUTCOME_STEPS_DONE] = {"steps_done", "steps", "training steps done", COLUMN_INT, {NULL}},
    [OUTCOME_LOSS] = {"loss", "1", "training loss, mean over the last step's batch", COLUMN_REAL, {NULL}},
    [OUTCOME_LOSS_EMA] = {"loss_ema",
                          "1",
                          "training loss, exponential moving average (decay 0.99 per step)",
                          COLUMN_REAL,
                          {NULL}},
    [OUTCOME_R2] = {"r2", "1", "R^2 on held-out generators", COLUMN_REAL, {NULL}},
    [OUTCOME_R2_STDERR] =
        {"r2_stderr", "1", "standard error of R^2 over the held-out generators", COLUMN_REAL, {NULL}},
    [OUTCOME_WALL_SECONDS] =
        {"wall_seconds", "s", "wall time of the run without interruptions", COLUMN_REAL, {NULL}},
    [OUTCOME_RANK_SECONDS] =
        {"rank_seconds", "s", "wall time of the run times the ranks that trained it", COLUMN_REAL, {NULL}},
};

static void add_extra(const struct run_spec *run, struct column_table *outcomes)
{
    struct extra_evaluation list[EXTRA_EVALUATIONS_MAX];
    struct score_column names[EXTRA_SCORES_PER_EVALUATION];
    int count = extra_evaluations_list(run, list);
    for (int i = 0; i < count; i++) {
        extra_evaluation_columns(&list[i], names);
        for (int k = 0; k < list[i].scores; k++)
            if (!column_find(outcomes, names[k].name))
                column_add(outcomes, names[k].name, COLUMN_REAL, "1", names[k].long_name);
    }
}

void results_outcomes(const struct sweep *sweep, struct column_table *outcomes)
{
    *outcomes = (struct column_table){0};
    for (int i = 0; i < OUTCOMES; i++)
        column_copy(outcomes, &every_run[i], NULL);
    for (int64_t run = 0; run < sweep->runs; run++)
        add_extra(&sweep->run[run], outcomes);
}

_Static_assert((int)TENSORS_MAX <= (int)STORE_MAX_TENSORS, "the results file holds the tensors of any model");

static void describe_model(const void *context, int64_t run, struct store_model *model)
{
    const struct sweep *sweep = context;
    static struct tensor_table table; // static: the caller reads the names until the next call
    model_tensors(&sweep->run[run].model, &table);
    model->tensors = table.count;
    for (int i = 0; i < table.count; i++) {
        const struct tensor *tensor = &table.tensors[i];
        model->tensor[i] = (struct store_tensor){.name = tensor->name,
                                                 .rank = tensor->columns ? 2 : 1,
                                                 .shape = {tensor->rows, tensor->columns},
                                                 .offset = tensor->offset};
    }
    model->checkpoint_bytes = training_state_bytes(&table);
}

// Creates the file at `path`. If `path` is NULL, sets *bytes to its size instead.
static enum status create(const char *path, const struct sweep *sweep, int64_t *bytes)
{
    struct column_table settings, outcomes;
    sweep_columns(sweep, &settings);
    results_outcomes(sweep, &outcomes);
    char *versions = versions_json();
    int64_t points = 0;
    for (int64_t run = 0; run < sweep->runs; run++)
        if (training_points(&sweep->run[run].training) > points)
            points = training_points(&sweep->run[run].training);
    const struct store_plan plan = {.sweep = sweep->text,
                                    .resolved = sweep->resolved,
                                    .versions = versions,
                                    .settings = &settings,
                                    .outcomes = outcomes.columns,
                                    .outcome_count = outcomes.count,
                                    .points = points,
                                    .model = describe_model,
                                    .context = sweep};
    enum status status = path ? store_create(path, &plan) : store_plan_bytes(&plan, bytes);
    free(versions);
    column_table_free(&settings);
    column_table_free(&outcomes);
    return status;
}

enum status results_create(const char *path, const struct sweep *sweep)
{
    return create(path, sweep, NULL);
}

enum status results_bytes(const struct sweep *sweep, int64_t *bytes)
{
    return create(NULL, sweep, bytes);
}

// Returns the value of `name:` in a resolved sweep, with quotes. The caller frees it.
static char *name_in(const char *resolved)
{
    const char *line = strncmp(resolved, "name: ", 6) == 0 ? resolved : strstr(resolved, "\nname: ");
    line = line ? line + strspn(line, "\n") + strlen("name: ") : "";
    return memory_format("%.*s", (int)strcspn(line, "\n"), line);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct known_id *)a)->id, ((const struct known_id *)b)->id);
}

struct known_id *results_known_ids(const struct store_view *view)
{
    struct known_id *known = memory_small((size_t)view->runs * sizeof *known);
    char *const *ids = column_find(&view->columns, "run_id")->texts;
    for (int64_t run = 0; run < view->runs; run++)
        known[run] = (struct known_id){ids[run], run};
    qsort(known, (size_t)view->runs, sizeof *known, by_id);
    return known;
}

int64_t results_find_id(const struct store_view *view, const struct known_id *known, const char *id)
{
    const struct known_id wanted = {.id = id},
                          *found = bsearch(&wanted, known, (size_t)view->runs, sizeof *known, by_id);
    return found ? found->run : -1;
}

// True if `run --grow` may accept the sweep: it has all runs of the file, `common` of them, or a run at a
// constant rate, which can continue a shorter one.
static bool may_extend(const struct store_view *view, const struct sweep *sweep, int64_t common)
{
    bool constant = false;
    for (int64_t run = 0; run < sweep->runs; run++)
        constant = constant || sweep->run[run].training.schedule == SCHEDULE_CONSTANT;
    return constant || common == view->runs;
}

// Number of the sweep's runs that are in the file.
static int64_t count_common(const struct store_view *view, const struct sweep *sweep)
{
    struct known_id *known = results_known_ids(view);
    int64_t common = 0;
    for (int64_t run = 0; run < sweep->runs; run++)
        common += results_find_id(view, known, sweep->run[run].id) >= 0;
    free(known);
    return common;
}

static enum status refuse_sweep(const struct store_view *view, const struct sweep *sweep)
{
    char *name = name_in(view->resolved), *ours = name_in(sweep->resolved);
    int64_t common = count_common(view, sweep);
    enum status status;
    if (strcmp(name, ours) != 0)
        status =
            FAILED(STATUS_RESULTS,
                   "%s holds another sweep, %s and not %s; give this one a file of its own with -o of `run`",
                   view->path, name, ours);
    else
        status = FAILED(STATUS_RESULTS,
                        "%s holds another sweep by the name of %s: %lld of its %lld run%s in this sweep, of "
                        "%lld; use the settings it was made with (its attribute `resolved`), %sor give this "
                        "one a file of its own with -o",
                        view->path, name, (long long)common, (long long)view->runs,
                        view->runs == 1 ? " is" : "s are", (long long)sweep->runs,
                        may_extend(view, sweep, common) ? "add the missing runs with --grow, " : "");
    free(name);
    free(ours);
    return status;
}

static bool same_name(const struct store_view *view, const struct sweep *sweep)
{
    char *name = name_in(view->resolved), *ours = name_in(sweep->resolved);
    bool same = strcmp(name, ours) == 0;
    free(name);
    free(ours);
    return same;
}

// Compares name and ids, not `resolved`: the text of a later version also has the settings that were added.
bool results_same_sweep(const struct store_view *view, const struct sweep *sweep)
{
    bool same = same_name(view, sweep) && view->runs == sweep->runs;
    char *const *ids = column_find(&view->columns, "run_id")->texts;
    for (int64_t run = 0; same && run < sweep->runs; run++)
        same = strcmp(ids[run], sweep->run[run].id) == 0;
    return same;
}

static enum status check_continuable(const struct store_view *view)
{
    if (view->older)
        FAIL(STATUS_RESULTS,
             "%s was written by an earlier weightsweep (schema version %lld), which gave runs other ids: it "
             "can be read but not continued; continue it with the version that wrote it (attribute "
             "`versions`), or give the sweep a new file with -o of `run`",
             view->path, (long long)view->schema);
    if (view->archive)
        FAIL(STATUS_RESULTS,
             "%s is an archive: it holds no checkpoints, so it can be read but not continued; continue the "
             "file that it was made from, or give the sweep a new one with -o of `run`",
             view->path);
    return STATUS_OK;
}

bool results_has_precision(const struct sweep *sweep, enum precision precision)
{
    for (int64_t run = 0; run < sweep->runs; run++)
        if (sweep->run[run].model.precision == precision)
            return true;
    return false;
}

static enum status check_numerics(const struct store_view *view, const struct sweep *sweep)
{
    enum status status = STATUS_OK;
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        enum precision precision = (enum precision)i;
        const char *here = numerics_name(precision);
        char *begun_with = versions_find(view->versions, versions_numerics(precision));
        if (results_has_precision(sweep, precision) && strcmp(begun_with, here) != 0)
            status = FAILED(STATUS_RESULTS,
                            "%s was computed with other numerics (%s; here it is %s), so the bits would "
                            "differ; run with those again, or mix them with --allow-other-arithmetic",
                            view->path, begun_with, here);
        free(begun_with);
    }
    return status;
}

enum status results_check(const struct store_view *view, const struct sweep *sweep, bool extend,
                          bool same_numerics)
{
    TRY(check_continuable(view));
    if (extend ? !same_name(view, sweep) : !results_same_sweep(view, sweep))
        return refuse_sweep(view, sweep);
    return same_numerics ? check_numerics(view, sweep) : STATUS_OK;
}

// ---- checkpoints and rows ----

enum { SEGMENTS = 4 };

// struct train_scalars is part of the file format: a change needs a new SLOT_VERSION.
_Static_assert(sizeof(struct train_scalars) == 64, "a checkpoint begins with these eight values");

static void state_segments(const struct train_state *state, struct store_segment segments[SEGMENTS])
{
    size_t length = state->parameters_count * sizeof(float);
    segments[0] = (struct store_segment){(void *)&state->scalars, sizeof state->scalars};
    segments[1] = (struct store_segment){state->parameters, length};
    segments[2] = (struct store_segment){state->first, length};
    segments[3] = (struct store_segment){state->second, length};
}

enum status results_load(struct store *store, int64_t run, struct train_state *state,
                         struct store_point *curve, bool *found)
{
    struct store_segment segments[SEGMENTS];
    int64_t step;
    state_segments(state, segments);
    return store_read_checkpoint(store, run, &step, segments, SEGMENTS, curve, found);
}

enum status results_checkpoint(struct store *store, int64_t run, const struct train_state *state,
                               const struct store_point *curve)
{
    struct store_segment segments[SEGMENTS];
    state_segments(state, segments);
    return store_write_checkpoint(store, run, state->scalars.step, segments, SEGMENTS, curve,
                                  state->scalars.points);
}

static void fill_common(const struct train_scalars *scalars, double values[OUTCOMES])
{
    values[OUTCOME_STEPS_DONE] = (double)scalars->step;
    values[OUTCOME_LOSS] = scalars->loss;
    values[OUTCOME_LOSS_EMA] = scalars->loss_ema;
    values[OUTCOME_R2] = scalars->r2;
    values[OUTCOME_R2_STDERR] = scalars->r2_stderr;
    values[OUTCOME_WALL_SECONDS] = scalars->wall_seconds;
    values[OUTCOME_RANK_SECONDS] = scalars->rank_seconds;
}

enum status results_progress(struct store *store, int64_t run, const struct train_scalars *scalars)
{
    double values[OUTCOMES];
    fill_common(scalars, values);
    for (int i = 0; i < OUTCOMES; i++)
        TRY(store_write_outcome(store, run, every_run[i].name, values[i]));
    return STATUS_OK;
}

static void fill_extra(const struct run_spec *run, const struct column_table *outcomes, const double *scores,
                       double *values)
{
    struct extra_evaluation list[EXTRA_EVALUATIONS_MAX];
    struct score_column names[EXTRA_SCORES_PER_EVALUATION];
    int count = extra_evaluations_list(run, list);
    for (int i = OUTCOMES; i < outcomes->count; i++)
        values[i] = NAN; // extra evaluations of other runs
    for (int i = 0; i < count; i++) {
        extra_evaluation_columns(&list[i], names);
        for (int k = 0; k < list[i].scores; k++)
            values[column_find(outcomes, names[k].name) - outcomes->columns] = *scores++;
    }
}

void results_values(const struct run_spec *run, const struct column_table *outcomes,
                    const struct train_scalars *scalars, const double *run_scores, double *values)
{
    fill_common(scalars, values);
    fill_extra(run, outcomes, run_scores, values);
}

// Writes the parameters of the run's last checkpoint as its model.
static enum status write_model(struct store *store, const struct sweep *sweep, int64_t run, int64_t *checksum)
{
    enum status status = STATUS_OK;
    struct train_scalars scalars;
    size_t length = (size_t)sweep->run[run].cost.parameters * sizeof(float);
    struct store_segment segments[SEGMENTS] = {
        {&scalars, sizeof scalars}, {NULL, length}, {NULL, length}, {NULL, length}};
    int64_t step;
    bool found;
    TRY(memory_alloc(length, &segments[1].bytes));
    TRY_DONE(store_read_checkpoint(store, run, &step, segments, SEGMENTS, NULL, &found));
    if (!found)
        FAIL_DONE(
            STATUS_RESULTS,
            "the last checkpoint of run %s does not match its checksum any more; run the same command again",
            sweep->run[run].id);
    status = store_write_model(store, run, segments[1].bytes, checksum);
done:
    memory_free(&segments[1].bytes);
    return status;
}

enum run_state results_run_state(enum train_end end)
{
    static const enum run_state states[] = {[TRAIN_DONE] = RUN_DONE,
                                            [TRAIN_DIVERGED] = RUN_DIVERGED,
                                            [TRAIN_FAILED] = RUN_FAILED,
                                            [TRAIN_STOPPED] = RUN_PENDING};
    return states[end];
}

enum status results_finish(struct store *store, const struct sweep *sweep,
                           const struct column_table *outcomes, int64_t run, enum train_end end,
                           const struct train_scalars *scalars, const double *run_scores, const char *message)
{
    if (end == TRAIN_STOPPED) {
        TRY(results_progress(store, run, scalars));
        return store_write_status(store, run, results_run_state(end));
    }
    double *values = memory_small((size_t)outcomes->count * sizeof *values);
    results_values(&sweep->run[run], outcomes, scalars, run_scores, values);
    if (end == TRAIN_FAILED)
        values[OUTCOME_LOSS] = values[OUTCOME_LOSS_EMA] = values[OUTCOME_R2] = values[OUTCOME_R2_STDERR] =
            NAN;
    int64_t model_checksum = -1;
    enum status status = end == TRAIN_DONE ? write_model(store, sweep, run, &model_checksum) : STATUS_OK;
    if (status == STATUS_OK)
        status = store_write_row(store, run, results_run_state(end), values, model_checksum, message,
                                 numerics_name(sweep->run[run].model.precision));
    free(values);
    return status;
}
