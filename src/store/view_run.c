// One run of a view: its row, curves and model, checked against their checksums.
#include "base/hash.h"
#include "base/memory.h"
#include "store/checksum.h"
#include "store/file_layout.h"
#include "store/h5.h"
#include "store/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *view_run_id(const struct store_view *view, int64_t run)
{
    return column_find(&view->columns, LAYOUT_RUN_ID)->texts[run];
}

static int64_t stored_checksum(const struct store_view *view, const char *column, int64_t run)
{
    return column_find(&view->columns, column)->ints[run];
}

// Whether the state of the run is still the one that the view shows. `run --retry` may have reset the run to
// pending since the view was opened: the run's checksums are then stale.
static bool is_still_finished(const struct store_view *view, int64_t run)
{
    uint8_t now;
    const struct h5_array array = view_array(view, LAYOUT_STATUS, H5T_INTEGER, sizeof now, 0);
    return h5_array_read(view->file, view->path, &array, run, &now) != STATUS_OK || now == view->status[run];
}

static enum status check_run(const struct store_view *view, int64_t run)
{
    if (run < 0 || run >= view->runs)
        FAIL(STATUS_INTERNAL, "there is no run %lld", (long long)run);
    return STATUS_OK;
}

static enum status report_mismatch(const struct store_view *view, int64_t run, bool valid, const char *what)
{
    if (!valid)
        FAIL(STATUS_RESULTS, "run %s: its %s checksum", view_run_id(view, run), what);
    return STATUS_OK;
}

// Not if the run has been set back to pending meanwhile.
static enum status report_damage(const struct store_view *view, int64_t run, bool valid, const char *what)
{
    if (valid || !is_still_finished(view, run))
        return STATUS_OK;
    FAIL(STATUS_RESULTS,
         "%s is damaged: run %s: its %s not match their checksum; `weightsweep verify %s` lists every fault",
         view->path, view_run_id(view, run), what, view->path);
}

// ---- the row ----

enum status view_check_row(const struct store_view *view, int64_t run)
{
    uint64_t *bits = memory_small((size_t)view->outcomes * sizeof *bits);
    for (int i = 0; i < view->outcomes; i++)
        bits[i] = (uint64_t)view->columns.columns[view->settings + i].ints[run];
    int64_t checksum = checksum_row(view_run_id(view, run), view->status[run], bits, view->outcomes,
                                    view->message + run * STORE_MESSAGE_LENGTH,
                                    view->arithmetic + run * STORE_ARITHMETIC_LENGTH);
    free(bits);
    bool valid = stored_checksum(view, LAYOUT_ROW_CHECKSUM, run) == checksum;
    return report_mismatch(view, run, valid, "row does not match its");
}

static void reset_row(struct store_view *view, int64_t run)
{
    for (int i = view->settings; i < view->settings + view->outcomes; i++) {
        struct column *column = &view->columns.columns[i];
        if (column->type == COLUMN_INT)
            column->ints[run] = 0;
        else
            column->reals[run] = NAN;
    }
    char **message = &column_find(&view->columns, LAYOUT_MESSAGE)->texts[run];
    free(*message);
    *message = memory_text("damaged: its row does not match its checksum; `run` trains it again");
    view->status[run] = RUN_PENDING;
    view->damaged[run] = true;
}

void view_reset_damaged_row(struct store_view *view, int64_t run)
{
    if (view_check_row(view, run) == STATUS_OK)
        return;
    if (is_still_finished(view, run))
        reset_row(view, run);
    else
        view->status[run] = RUN_RUNNING;
}

// ---- the curves ----

enum status view_curves(const struct store_view *view, int64_t run, double *values, bool *valid)
{
    size_t points = (size_t)view->points;
    uint32_t crc = 0;
    TRY(check_run(view, run));
    for (int i = 0; i < CURVES; i++, values += points) {
        const struct h5_array array =
            view_array(view, layout_curves[i].name, H5T_FLOAT, sizeof *values, view->points);
        TRY(h5_array_read(view->file, view->path, &array, run, values));
        crc = hash_crc32(crc, values, points * sizeof *values);
    }
    // A run that failed before its first point has no checksum.
    int64_t stored = stored_checksum(view, LAYOUT_CURVE_CHECKSUM, run);
    bool has_checksum =
        view->status[run] == RUN_DONE || (view->status[run] > RUN_DONE && stored != CHECKSUM_NONE);
    *valid = !has_checksum || stored == crc;
    return STATUS_OK;
}

enum status view_check_curves(const struct store_view *view, int64_t run)
{
    bool valid = true;
    double *values = memory_small(CURVES * (size_t)view->points * sizeof *values);
    enum status status = view_curves(view, run, values, &valid);
    free(values);
    return status == STATUS_OK ? report_mismatch(view, run, valid, "curves do not match their") : status;
}

enum status store_view_curves(const struct store_view *view, int64_t run, struct store_point *curve)
{
    enum status status = STATUS_OK;
    bool valid;
    size_t points = (size_t)view->points;
    double *values = memory_small(CURVES * points * sizeof *values);
    h5_begin();
    TRY_DONE(view_curves(view, run, values, &valid));
    TRY_DONE(report_damage(view, run, valid, "curves do"));
    for (size_t i = 0; i < points; i++) {
        const double *value = values + i;
        double step = value[CURVE_STEP * points];
        curve[i] =
            (struct store_point){step >= 0 && step < 0x1p62 ? trunc(step) : -1, value[CURVE_LOSS * points],
                                 value[CURVE_R2 * points], value[CURVE_SECONDS * points]};
    }
done:
    free(values);
    return h5_settle(status, view->path);
}

// ---- the model ----

struct tensor_reading {
    const struct store_view *view;
    struct store_parameters *parameters;
    size_t expected; // values
    bool with_values;
};

// Reads a member of a model's group, unless the model is complete: later members are foreign.
static enum status read_tensor(hid_t member, const char *name, void *context)
{
    const struct tensor_reading *reading = context;
    const char *path = reading->view->path;
    struct store_parameters *parameters = reading->parameters;
    struct store_model *model = &parameters->model;
    struct h5_array array = {name, H5T_FLOAT, sizeof(float), 1, {0, 1}};
    size_t before = parameters->count;
    if (before >= reading->expected)
        return STATUS_OK;
    hid_t space = H5Dget_space(member);
    array.rank = H5Sget_simple_extent_ndims(space) == 2 ? 2 : 1;
    if (H5Sget_simple_extent_ndims(space) == array.rank)
        H5Sget_simple_extent_dims(space, array.shape, NULL);
    h5_close(&space);
    TRY(h5_array_check(member, path, &array));
    if (model->tensors == STORE_MAX_TENSORS)
        FAIL(STATUS_RESULTS, "%s is damaged: a model has more than %d tensors", path, STORE_MAX_TENSORS);
    parameters->offset[model->tensors] = (int64_t)H5Dget_offset(member);
    model->tensor[model->tensors++] = (struct store_tensor){
        memory_text(name), array.rank, {(int64_t)array.shape[0], (int64_t)array.shape[1]}, before};
    parameters->count += (size_t)(array.shape[0] * array.shape[1]);
    if (!reading->with_values)
        return STATUS_OK;
    parameters->values = memory_grow(parameters->values, parameters->count * sizeof *parameters->values);
    if (H5Dread(member, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, parameters->values + before) < 0)
        return h5_read_failure(path, name);
    return STATUS_OK;
}

enum status view_parameters(const struct store_view *view, int64_t run, bool with_values,
                            struct store_parameters **out)
{
    *out = NULL;
    TRY(check_run(view, run));
    if (!view->models)
        FAIL(STATUS_RESULTS, "%s is an archive without models", view->path);
    enum status status = STATUS_OK;
    const struct column *column = column_find(&view->columns, LAYOUT_PARAMETERS);
    bool known = column && column->type == COLUMN_INT;
    size_t expected = known ? (size_t)column->ints[run] : SIZE_MAX;
    struct store_parameters *parameters = memory_small(sizeof *parameters);
    char *name = memory_format(LAYOUT_MODELS "/%s", view_run_id(view, run));
    hid_t group = H5Gopen2(view->file, name, H5P_DEFAULT);
    if (group < 0)
        TRY_DONE(h5_read_failure(view->path, name));
    TRY_DONE(h5_visit(group, view->path, read_tensor,
                      &(struct tensor_reading){view, parameters, expected, with_values}));
    if (known && parameters->count != expected)
        FAIL_DONE(STATUS_RESULTS, "%s is damaged: `%s` holds %zu values; the run has %zu parameters",
                  view->path, name, parameters->count, expected);
done:
    h5_close(&group);
    free(name);
    if (status != STATUS_OK)
        store_parameters_free(&parameters);
    *out = parameters;
    return status;
}

static bool model_is_valid(const struct store_view *view, int64_t run,
                           const struct store_parameters *parameters)
{
    return view->status[run] != RUN_DONE ||
           stored_checksum(view, LAYOUT_MODEL_CHECKSUM, run) ==
               hash_crc32(0, parameters->values, parameters->count * sizeof *parameters->values);
}

enum status view_check_model(const struct store_view *view, int64_t run)
{
    struct store_parameters *parameters;
    TRY(view_parameters(view, run, view->status[run] == RUN_DONE, &parameters));
    bool valid = model_is_valid(view, run, parameters);
    store_parameters_free(&parameters);
    return report_mismatch(view, run, valid, "model does not match its");
}

enum status store_view_check_run(const struct store_view *view, int64_t run, bool *valid)
{
    h5_begin();
    enum status status = view_check_curves(view, run);
    if (status == STATUS_OK)
        status = view_check_model(view, run);
    status = h5_settle(status, view->path);
    *valid = status == STATUS_OK;
    return status == STATUS_RESULTS ? STATUS_OK : status;
}

enum status store_view_parameters(const struct store_view *view, int64_t run, struct store_parameters **out)
{
    h5_begin();
    enum status status = view_parameters(view, run, true, out);
    if (status == STATUS_OK)
        status = report_damage(view, run, model_is_valid(view, run, *out), "parameters do");
    status = h5_settle(status, view->path);
    if (status != STATUS_OK)
        store_parameters_free(out);
    return status;
}

void store_parameters_free(struct store_parameters **parameters)
{
    if (!*parameters)
        return;
    for (int i = 0; i < (*parameters)->model.tensors; i++)
        free((char *)(*parameters)->model.tensor[i].name);
    free((*parameters)->values);
    free(*parameters);
    *parameters = NULL;
}
