#include "driver/reproduce.h"

#include "base/memory.h"
#include "base/stop.h"
#include "base/text.h"
#include "driver/results.h"
#include "driver/results_view.h"
#include "kernel/gemm.h"
#include "kernel/numerics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED_DIFFERENCES = 20 };

struct reproduction {
    const struct store_view *view;
    const char *id;
    struct store_point *curve; // as stored, [points]
    int64_t points, steps;     // steps: until the first point at or after them; 0: all
    int64_t compared, differences;
    struct text names; // of the first NAMED_DIFFERENCES values that differ
    FILE *progress;
};

// Compares bits. NaN has one pattern in results files, but a computed NaN may have any.
static void compare(struct reproduction *r, const char *name, double stored, double computed)
{
    bool both_nan = stored != stored && computed != computed;
    r->compared++;
    if (both_nan || memcmp(&stored, &computed, sizeof stored) == 0)
        return;
    if (r->differences++ < NAMED_DIFFERENCES)
        text_format(&r->names, "\n  %s: %.17g in the file, %.17g here", name, stored, computed);
}

// ---- curve ----

// Compares one point. Ends the training after the last point that is asked for, and after a point that
// differs.
static enum status compare_point(void *context, int64_t point, const struct train_state *state)
{
    struct reproduction *r = context;
    const struct train_scalars *now = &state->scalars;
    const struct store_point missing = {-1, 0, 0, 0},
                             *stored = point < r->points ? &r->curve[point] : &missing;
    char name[64];
    int64_t before = r->differences;
    snprintf(name, sizeof name, "curve_step of point %" PRId64, point);
    compare(r, name, stored->step, (double)now->step);
    snprintf(name, sizeof name, "curve_loss after %" PRId64 " steps", now->step);
    compare(r, name, stored->loss, now->loss_ema);
    snprintf(name, sizeof name, "curve_r2 after %" PRId64 " steps", now->step);
    compare(r, name, stored->r2, now->r2);
    if (r->progress)
        fprintf(r->progress, "run %s, %" PRId64 " steps: the curve is %s\n", r->id, now->step,
                r->differences > before ? "different" : "equal");
    if (r->differences > before || (r->steps > 0 && now->step >= r->steps))
        stop_request();
    return STATUS_OK;
}

// ---- row and tensors ----

static void compare_row(struct reproduction *r, const struct sweep *sweep, int64_t run,
                        const struct train_result *result)
{
    struct column_table outcomes;
    results_outcomes(sweep, &outcomes);
    double *values = memory_small((size_t)outcomes.count * sizeof *values);
    results_values(&sweep->run[run], &outcomes, &result->state.scalars, result->scores, values);
    for (int i = 0; i < outcomes.count; i++) {
        const struct column *stored = column_find(&r->view->columns, outcomes.columns[i].name);
        if (!stored || strcmp(stored->units, "s") == 0) // times are not reproduced
            continue;
        compare(r, stored->name, column_number(stored, run), values[i]);
    }
    free(values);
    column_table_free(&outcomes);
}

static void compare_tensors(struct reproduction *r, const struct store_parameters *stored,
                            const float *computed)
{
    size_t at = 0;
    for (int i = 0; i < stored->model.tensors; i++) {
        const struct store_tensor *tensor = &stored->model.tensor[i];
        size_t count = (size_t)(tensor->shape[0] * tensor->shape[1]);
        for (size_t k = 0; k < count; k++, at++)
            compare(r, tensor->name, (double)stored->values[at], (double)computed[at]);
    }
}

// ---- the run ----

// Uses OpenBLAS for a run that was trained with it.
static enum status check_numerics(const struct store_view *view, int64_t run, enum precision precision)
{
    const char *stored = column_find(&view->columns, "arithmetic")->texts[run];
    if (precision == PRECISION_FP32 && strncmp(stored, "OpenBLAS", strlen("OpenBLAS")) == 0)
        gemm_use(precision, GEMM_OPENBLAS);
    if (strcmp(stored, numerics_name(precision)) != 0)
        FAIL(STATUS_RESULTS,
             "run %s of %s was computed with other numerics (%s; here it is %s): its bits can be compared "
             "only where they are the same",
             column_find(&view->columns, "run_id")->texts[run], view->path, stored, numerics_name(precision));
    return STATUS_OK;
}

static enum status train_again(struct reproduction *r, const struct sweep *sweep, int64_t run,
                               const struct store_parameters *parameters, MPI_Comm comm)
{
    const struct train_hooks hooks = {.context = r, .curve = compare_point};
    struct train_result result;
    TRY(train_run(&sweep->run[run], &hooks, comm, &result));
    r->steps = result.state.scalars.step;
    if (result.end == TRAIN_DONE) {
        compare_row(r, sweep, run, &result);
        if (parameters)
            compare_tensors(r, parameters, result.state.parameters);
    }
    enum status status = STATUS_OK;
    if (result.end == TRAIN_DIVERGED || result.end == TRAIN_FAILED)
        status =
            FAILED(result.end == TRAIN_FAILED ? STATUS_MACHINE : STATUS_RUNS,
                   "run %s is done in %s, but here it ended early: %s", r->id, r->view->path, result.message);
    train_state_free(&result.state);
    return status;
}

enum status reproduce_run(const struct store_view *view, const struct sweep *sweep, int64_t run,
                          int64_t steps, MPI_Comm comm, FILE *progress, struct reproduced *reproduced)
{
    struct reproduction r = {.view = view, .id = sweep->run[run].id, .steps = steps, .progress = progress};
    struct store_parameters *parameters = NULL;
    enum status status = STATUS_OK;
    r.curve = memory_small((size_t)view->points * sizeof *r.curve);
    if (view->models)
        TRY_DONE(results_view_model(view, run, &parameters));
    TRY_DONE(results_view_curve(view, run, r.curve, &r.points));
    TRY_DONE(check_numerics(view, run, sweep->run[run].model.precision));
    TRY_DONE(train_again(&r, sweep, run, parameters, comm));
    *reproduced = (struct reproduced){.steps = r.steps, .compared = r.compared};
    if (r.differences > 0)
        status = FAILED(STATUS_RUNS,
                        "run %s of %s: %" PRId64 " of %" PRId64 " values differ after %" PRId64
                        " steps, although both were computed with %s:%s%s",
                        r.id, view->path, r.differences, r.compared, r.steps,
                        numerics_name(sweep->run[run].model.precision), r.names.chars,
                        r.differences > NAMED_DIFFERENCES ? "\n  ..." : "");
done:
    text_free(&r.names);
    store_parameters_free(&parameters);
    free(r.curve);
    return status;
}
