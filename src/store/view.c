// Opens a results file for reading, also while another process writes it. Checks every dataset before use.
#include "store/view.h"

#include "base/memory.h"
#include "store/checksum.h"
#include "store/file.h"
#include "store/file_layout.h"
#include "store/h5.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status refuse_foreign(const char *path, bool output, const char *reason)
{
    if (output)
        FAIL(STATUS_USAGE,
             "%s exists already and is not a results file of weightsweep; give another name with -o, or move "
             "that file away",
             path);
    FAIL(STATUS_RESULTS, "%s is not a weightsweep results file (%s); check the name", path, reason);
}

static enum status open_file(struct store_view *view, bool output)
{
    int fd;
    TRY(file_open(view->path, O_RDONLY, &fd)); // HDF5 does not tell why it cannot open a file
    close(fd);
    htri_t is_hdf5 = H5Fis_hdf5(view->path);
    if (is_hdf5 < 0)
        return h5_read_failure(view->path, "its signature");
    if (is_hdf5 == 0)
        return refuse_foreign(view->path, output, "it is not an HDF5 file");
    hid_t properties = h5_access();
    view->file = H5Fopen(view->path, H5F_ACC_RDONLY, properties);
    enum status status = view->file < 0 ? h5_read_failure(view->path, "the file") : STATUS_OK;
    h5_close(&properties);
    return status;
}

static enum status read_schema(struct store_view *view, bool output)
{
    htri_t exists = H5Aexists(view->file, LAYOUT_SCHEMA_VERSION);
    if (exists < 0)
        return h5_read_failure(view->path, "its root");
    if (exists == 0)
        return refuse_foreign(view->path, output, "no attribute `" LAYOUT_SCHEMA_VERSION "`");
    view->schema = h5_attribute_int(view->file, LAYOUT_SCHEMA_VERSION);
    if (view->schema < 1 || view->schema > SCHEMA_VERSION)
        FAIL(STATUS_RESULTS, "%s has schema version %lld; this program reads versions 1 to %d", view->path,
             (long long)view->schema, SCHEMA_VERSION);
    view->older = view->schema < SCHEMA_VERSION;
    return STATUS_OK;
}

static enum status read_text(const struct store_view *view, const char *name, char **text)
{
    *text = h5_attribute_text(view->file, name);
    if (!*text)
        FAIL(STATUS_RESULTS, "%s is damaged: it has no attribute `%s`", view->path, name);
    return STATUS_OK;
}

static enum status read_dimension(const struct store_view *view, const char *name, int64_t *length)
{
    *length = h5_dimension(view->file, name);
    if (*length <= 0)
        FAIL(STATUS_RESULTS, "%s is damaged: it has no dimension `%s`", view->path, name);
    return STATUS_OK;
}

static enum status require_column(const struct store_view *view, const char *name, enum column_type type)
{
    const struct column *column = column_find(&view->columns, name);
    if (!column || column->type != type)
        FAIL(STATUS_RESULTS, "%s is damaged: it has no column `%s` of the expected type", view->path, name);
    return STATUS_OK;
}

// Text known at creation: [runs] of variable-length UTF-8.
static enum status read_texts(const struct store_view *view, hid_t dataset, struct column *column)
{
    struct h5_values values;
    enum status status = h5_values_read(dataset, view->path, column->name, &values);
    for (int64_t row = 0; row < view->runs && status == STATUS_OK; row++) {
        const char *text = ((char **)values.bytes)[row];
        column->texts[row] = memory_text(text ? text : "");
    }
    h5_values_free(&values);
    return status;
}

// Text written later: [runs, length] of char. *chars keeps the padding, which row checksums cover.
static enum status read_chars(struct store_view *view, struct column *column, size_t length, char **chars)
{
    const struct h5_array array = view_array(view, column->name, H5T_STRING, 1, (int64_t)length);
    *chars = memory_small((size_t)view->runs * length);
    TRY(h5_array_read(view->file, view->path, &array, -1, *chars));
    for (int64_t row = 0; row < view->runs; row++)
        column->texts[row] = memory_format("%.*s", (int)length, *chars + (size_t)row * length);
    return STATUS_OK;
}

// The column type of a dataset; COLUMN_TEXT for both kinds of text.
static enum column_type type_of(hid_t dataset)
{
    hid_t type = H5Dget_type(dataset);
    H5T_class_t class = H5Tget_class(type);
    h5_close(&type);
    return class == H5T_INTEGER ? COLUMN_INT : class == H5T_FLOAT ? COLUMN_REAL : COLUMN_TEXT;
}

static struct column *add_column(struct store_view *view, hid_t dataset, const char *name)
{
    char *units = h5_attribute_text(dataset, LAYOUT_UNITS);
    char *long_name = h5_attribute_text(dataset, LAYOUT_LONG_NAME);
    char *format = h5_attribute_text(dataset, LAYOUT_FORMAT);
    bool list = format && strcmp(format, LAYOUT_FORMAT_LIST) == 0;
    struct column *column = column_add(&view->columns, name, list ? COLUMN_LIST : type_of(dataset),
                                       units ? units : "", long_name ? long_name : "");
    free(format);
    free(long_name);
    free(units);
    return column;
}

static enum status read_column(struct store_view *view, hid_t dataset, struct column *column)
{
    if (strcmp(column->name, LAYOUT_MESSAGE) == 0)
        return read_chars(view, column, STORE_MESSAGE_LENGTH, &view->message);
    if (strcmp(column->name, LAYOUT_ARITHMETIC) == 0)
        return read_chars(view, column, STORE_ARITHMETIC_LENGTH, &view->arithmetic);
    bool number = column->type == COLUMN_INT || column->type == COLUMN_REAL;
    H5T_class_t class = column->type == COLUMN_INT ? H5T_INTEGER : number ? H5T_FLOAT : H5T_STRING;
    const struct h5_array array = view_array(view, column->name, class, number ? 8 : 0, 0);
    TRY(h5_array_check(dataset, view->path, &array));
    return number ? h5_array_read(view->file, view->path, &array, -1, column->ints)
                  : read_texts(view, dataset, column);
}

struct reading {
    struct store_view *view;
    int64_t datasets; // visited
};

// Reads a member of the root if it is a column: the attribute `role` marks columns.
static enum status read_if_column(hid_t member, const char *name, void *context)
{
    struct reading *reading = context;
    struct store_view *view = reading->view;
    if (reading->datasets == view->datasets || H5Iget_type(member) != H5I_DATASET)
        return STATUS_OK; // foreign, as all later members, or no dataset
    reading->datasets++;
    char *role = h5_attribute_text(member, LAYOUT_ROLE);
    if (!role)
        return STATUS_OK;
    struct column *column = add_column(view, member, name);
    view->settings += strcmp(role, LAYOUT_ROLE_SETTING) == 0;
    view->outcomes += strcmp(role, LAYOUT_ROLE_OUTCOME) == 0 && column->type != COLUMN_TEXT;
    free(role);
    return read_column(view, member, column);
}

static enum status read_status(struct store_view *view)
{
    const struct h5_array array = view_array(view, LAYOUT_STATUS, H5T_INTEGER, 1, 0);
    view->status = memory_small((size_t)view->runs);
    view->damaged = memory_small((size_t)view->runs * sizeof *view->damaged);
    TRY(h5_array_read(view->file, view->path, &array, -1, view->status));
    for (int64_t run = 0; run < view->runs; run++)
        if (view->status[run] > RUN_FAILED)
            FAIL(STATUS_RESULTS, "%s is damaged: run %lld has status %d; expected 0 to %d", view->path,
                 (long long)run, view->status[run], RUN_FAILED);
    return STATUS_OK;
}

static enum status read_all(struct store_view *view, bool output)
{
    TRY(open_file(view, output));
    TRY(read_schema(view, output));
    view->datasets = INT64_MAX;
    if (!view->older)
        TRY(checksum_check(view->file, view->path, &view->datasets));
    TRY(read_text(view, LAYOUT_SWEEP, &view->sweep));
    TRY(read_text(view, LAYOUT_RESOLVED, &view->resolved));
    TRY(read_text(view, LAYOUT_VERSIONS, &view->versions));
    TRY(read_text(view, LAYOUT_CREATED, &view->created));
    TRY(read_dimension(view, LAYOUT_RUN, &view->runs));
    TRY(read_dimension(view, LAYOUT_POINT, &view->points));
    view->archive = H5Aexists(view->file, LAYOUT_ARCHIVE) > 0;
    view->models = !view->archive || H5Lexists(view->file, LAYOUT_MODELS, H5P_DEFAULT) > 0;
    TRY(read_status(view)); // first: a run that the status calls finished then has its whole row
    view->columns.rows = view->runs;
    TRY(h5_visit(view->file, view->path, read_if_column, &(struct reading){view, 0}));
    TRY(require_column(view, LAYOUT_RUN_ID, COLUMN_TEXT));
    TRY(require_column(view, LAYOUT_MESSAGE, COLUMN_TEXT));
    TRY(require_column(view, LAYOUT_ARITHMETIC, COLUMN_TEXT));
    TRY(require_column(view, LAYOUT_ROW_CHECKSUM, COLUMN_INT));
    TRY(require_column(view, LAYOUT_CURVE_CHECKSUM, COLUMN_INT));
    TRY(require_column(view, LAYOUT_MODEL_CHECKSUM, COLUMN_INT));
    return view->older ? checksum_check_older(view) : STATUS_OK;
}

enum status view_open(const char *path, bool output, struct store_view **out)
{
    h5_begin();
    struct store_view *view = memory_small(sizeof *view);
    view->path = memory_text(path);
    enum status status = h5_settle(read_all(view, output), path);
    if (status != STATUS_OK)
        store_view_close(&view);
    *out = view;
    return status;
}

enum status store_view_open(const char *path, struct store_view **out)
{
    TRY(view_open(path, false, out));
    h5_begin();
    for (int64_t run = 0; run < (*out)->runs; run++)
        if ((*out)->status[run] >= RUN_DONE)
            view_reset_damaged_row(*out, run);
    enum status status = h5_settle(STATUS_OK, path);
    if (status != STATUS_OK)
        store_view_close(out);
    return status;
}

void store_view_close(struct store_view **out)
{
    struct store_view *view = *out;
    if (!view)
        return;
    column_table_free(&view->columns);
    if (view->file > 0)
        H5Fclose(view->file);
    free(view->arithmetic);
    free(view->message);
    free(view->damaged);
    free(view->status);
    free(view->created);
    free(view->versions);
    free(view->resolved);
    free(view->sweep);
    free(view->path);
    free(view);
    *out = NULL;
}
