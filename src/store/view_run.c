// One run of a view: its curves and its model. What a finished run has is compared with its checksum before
// anybody sees it.
#include "base/hash.h"
#include "base/memory.h"
#include "store/checksum.h"
#include "store/file_layout.h"
#include "store/h5.h"
#include "store/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- what a finished run has ----

static int64_t stored_sum(const struct store_view *view, const char *column, int64_t run)
{
    return column_find(&view->columns, column)->ints[run];
}

static bool is_summed(const struct store_view *view, const char *column, int64_t run)
{
    return view->status[run] == RUN_DONE ||
           (view->status[run] > RUN_DONE && stored_sum(view, column, run) != CHECKSUM_NONE);
}

// A run that was finished when the view was opened may have been put back since (--retry): then its sums say
// nothing.
static bool still_finished(const struct store_view *view, int64_t run)
{
    uint8_t now = view->status[run];
    hid_t dataset = H5Dopen2(view->file, LAYOUT_STATUS, H5P_DEFAULT);
    h5_read_part(dataset, H5T_NATIVE_UINT8, 1, &(hsize_t){(hsize_t)run}, &(hsize_t){1}, &now);
    h5_close(&dataset);
    return now == view->status[run];
}

// A text column's value with the zeros that fill it.
static void fill_text(const struct store_view *view, const char *column, int64_t run, char *chars,
                      size_t length)
{
    memset(chars, 0, length);
    memccpy(chars, column_find(&view->columns, column)->texts[run], '\0', length);
}

static void forget(struct store_view *view, int64_t run)
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
    *message = memory_text("damaged: its numbers do not match their checksum; `run` does it again");
    view->status[run] = RUN_PENDING;
    view->damaged[run] = true;
}

void view_check_row(struct store_view *view, int64_t run)
{
    char message[STORE_MESSAGE_LENGTH], arithmetic[STORE_ARITHMETIC_LENGTH];
    uint64_t *bits = memory_small((size_t)view->outcomes * sizeof *bits);
    fill_text(view, LAYOUT_MESSAGE, run, message, sizeof message);
    fill_text(view, LAYOUT_ARITHMETIC, run, arithmetic, sizeof arithmetic);
    for (int i = 0; i < view->outcomes; i++)
        bits[i] = (uint64_t)view->columns.columns[view->settings + i].ints[run];
    int64_t sum = checksum_row(column_find(&view->columns, LAYOUT_RUN_ID)->texts[run], view->status[run],
                               bits, view->outcomes, message, arithmetic);
    free(bits);
    if (stored_sum(view, LAYOUT_ROW_CHECKSUM, run) == sum)
        return;
    if (still_finished(view, run))
        forget(view, run);
    else
        view->status[run] = RUN_RUNNING;
}

static enum status compare(const struct store_view *view, int64_t run, const char *column, int64_t sum,
                           const char *what)
{
    if (stored_sum(view, column, run) == sum || !still_finished(view, run))
        return STATUS_OK;
    FAIL(STATUS_RESULTS,
         "%s is damaged: run %s: its %s not match their checksum; `weightsweep verify %s` lists every fault",
         view->path, column_find(&view->columns, LAYOUT_RUN_ID)->texts[run], what, view->path);
}

static enum status check_run(const struct store_view *view, int64_t run)
{
    if (run < 0 || run >= view->runs)
        FAIL(STATUS_INTERNAL, "there is no run %lld", (long long)run);
    return STATUS_OK;
}

enum status view_curve(const struct store_view *view, int64_t run, enum curve curve, double *values)
{
    enum status status = STATUS_OK;
    const char *name = layout_curves[curve].name;
    hsize_t shape[2] = {(hsize_t)view->runs, (hsize_t)view->points};
    hid_t dataset = H5Dopen2(view->file, name, H5P_DEFAULT);
    TRY_DONE(h5_expect(dataset, view->path, name, 2, shape, H5T_FLOAT, 8));
    if (h5_read_part(dataset, H5T_NATIVE_DOUBLE, 2, (hsize_t[2]){(hsize_t)run, 0}, (hsize_t[2]){1, shape[1]},
                     values) < 0)
        TRY_DONE(h5_read_failure(view->path, name));
done:
    h5_close(&dataset);
    return status;
}

enum status store_view_curves(const struct store_view *view, int64_t run, int64_t *step, double *loss,
                              double *r2, double *seconds)
{
    enum status status = STATUS_OK;
    size_t points = (size_t)view->points;
    double *steps = memory_small(points * sizeof *steps);
    double *const values[CURVES] = {
        [CURVE_STEP] = steps, [CURVE_LOSS] = loss, [CURVE_R2] = r2, [CURVE_SECONDS] = seconds};
    uint32_t crc = 0;
    h5_begin();
    TRY_DONE(check_run(view, run));
    for (int i = 0; i < CURVES; i++) {
        TRY_DONE(view_curve(view, run, (enum curve)i, values[i]));
        crc = hash_crc32(crc, values[i], points * sizeof *values[i]);
    }
    if (is_summed(view, LAYOUT_CURVE_CHECKSUM, run))
        TRY_DONE(compare(view, run, LAYOUT_CURVE_CHECKSUM, crc, "curves do"));
    for (size_t i = 0; i < points; i++)
        step[i] = steps[i] >= 0 && steps[i] < 0x1p62 ? (int64_t)steps[i] : -1;
done:
    free(steps);
    return h5_settle(status, view->path);
}

enum status view_check_curve(const struct store_view *view, int64_t run, bool *valid)
{
    enum status status = STATUS_OK;
    size_t points = (size_t)view->points;
    double *values = memory_small(points * sizeof *values);
    uint32_t crc = 0;
    for (int i = 0; i < CURVES; i++) {
        TRY_DONE(view_curve(view, run, (enum curve)i, values));
        crc = hash_crc32(crc, values, points * sizeof *values);
    }
    *valid =
        !is_summed(view, LAYOUT_CURVE_CHECKSUM, run) || stored_sum(view, LAYOUT_CURVE_CHECKSUM, run) == crc;
done:
    free(values);
    return status;
}

// ---- the model ----

// Adds a tensor to the table, if it is one and lies inside the file.
static enum status add_tensor(const struct store_view *view, hid_t dataset, const char *name,
                              struct store_parameters *parameters)
{
    struct store_model *model = &parameters->model;
    hsize_t shape[2] = {0, 1};
    hid_t space = dataset < 0 ? dataset : H5Dget_space(dataset);
    int rank = space < 0 ? 0 : H5Sget_simple_extent_ndims(space);
    if (rank == 1 || rank == 2)
        H5Sget_simple_extent_dims(space, shape, NULL);
    h5_close(&space);
    TRY(h5_expect(dataset, view->path, name, rank == 2 ? 2 : 1, shape, H5T_FLOAT, 4));
    if (model->tensors == STORE_MAX_TENSORS)
        FAIL(STATUS_RESULTS, "%s is damaged: a model has more tensors than any of ours", view->path);
    parameters->place[model->tensors] = (int64_t)H5Dget_offset(dataset);
    model->tensor[model->tensors++] = (struct store_tensor){.name = memory_text(name),
                                                            .rank = rank,
                                                            .shape = {(int64_t)shape[0], (int64_t)shape[1]},
                                                            .offset = parameters->count};
    parameters->count += (size_t)(shape[0] * shape[1]);
    return STATUS_OK;
}

static enum status read_tensor(const struct store_view *view, hid_t group, const char *name, bool with_values,
                               struct store_parameters *parameters)
{
    enum status status = STATUS_OK;
    size_t offset = parameters->count;
    hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    TRY_DONE(add_tensor(view, dataset, name, parameters));
    if (!with_values)
        goto done;
    parameters->values = memory_grow(parameters->values, parameters->count * sizeof *parameters->values);
    if (H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, parameters->values + offset) < 0)
        TRY_DONE(h5_read_failure(view->path, name));
done:
    h5_close(&dataset);
    return status;
}

// The tensors are the first members of the group, as many as hold the run's parameters. Later members are
// foreign.
static enum status read_tensors(const struct store_view *view, int64_t run, hid_t group, bool with_values,
                                struct store_parameters *parameters)
{
    const struct column *column = column_find(&view->columns, LAYOUT_PARAMETERS);
    size_t expected = column && column->type == COLUMN_INT ? (size_t)column->ints[run] : SIZE_MAX;
    struct h5_names names;
    TRY(h5_names_read(group, view->path, &names));
    enum status status = STATUS_OK;
    for (int i = 0; i < names.count && parameters->count < expected && status == STATUS_OK; i++)
        status = read_tensor(view, group, names.name[i], with_values, parameters);
    h5_names_free(&names);
    TRY(status);
    if (expected != SIZE_MAX && parameters->count != expected)
        FAIL(STATUS_RESULTS,
             "%s is damaged: the model of run %s holds %zu values; the run has %zu parameters", view->path,
             column_find(&view->columns, LAYOUT_RUN_ID)->texts[run], parameters->count, expected);
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
    struct store_parameters *parameters = memory_small(sizeof *parameters);
    char *name = memory_format(LAYOUT_MODELS "/%s", column_find(&view->columns, LAYOUT_RUN_ID)->texts[run]);
    hid_t group = H5Gopen2(view->file, name, H5P_DEFAULT);
    if (group < 0)
        TRY_DONE(h5_read_failure(view->path, name));
    TRY_DONE(read_tensors(view, run, group, with_values, parameters));
done:
    h5_close(&group);
    free(name);
    if (status != STATUS_OK)
        store_parameters_free(&parameters);
    *out = parameters;
    return status;
}

enum status view_check_model(const struct store_view *view, int64_t run, bool *valid)
{
    struct store_parameters *parameters;
    *valid = true;
    TRY(view_parameters(view, run, view->status[run] == RUN_DONE, &parameters));
    if (view->status[run] == RUN_DONE)
        *valid = stored_sum(view, LAYOUT_MODEL_CHECKSUM, run) ==
                 hash_crc32(0, parameters->values, parameters->count * sizeof *parameters->values);
    store_parameters_free(&parameters);
    return STATUS_OK;
}

enum status store_view_check_run(const struct store_view *view, int64_t run, bool *valid)
{
    TRY(h5_settle(view_check_curve(view, run, valid), view->path));
    return *valid ? h5_settle(view_check_model(view, run, valid), view->path) : STATUS_OK;
}

enum status store_view_parameters(const struct store_view *view, int64_t run, struct store_parameters **out)
{
    h5_begin();
    enum status status = h5_settle(view_parameters(view, run, true, out), view->path);
    if (status == STATUS_OK && view->status[run] == RUN_DONE) {
        uint32_t crc = hash_crc32(0, (*out)->values, (*out)->count * sizeof *(*out)->values);
        status = compare(view, run, LAYOUT_MODEL_CHECKSUM, crc, "parameters do");
    }
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
