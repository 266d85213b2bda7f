// Opening a results file for reading, also while another process writes it. Every dataset is checked before
// use.
#include "store/view.h"

#include "base/memory.h"
#include "store/checksum.h"
#include "store/file.h"
#include "store/file_layout.h"
#include "store/h5.h"
#include "store/immutable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status open_file(const char *path, int64_t *file)
{
    int fd;
    enum status readable = file_open(path, O_RDONLY, &fd);
    if (fd >= 0)
        close(fd);
    TRY(readable);
    htri_t is_hdf5 = H5Fis_hdf5(path);
    if (is_hdf5 < 0)
        return h5_read_failure(path, "its signature");
    if (is_hdf5 == 0)
        FAIL(STATUS_RESULTS, "%s is not a results file: it is not an HDF5 file; check the name", path);
    hid_t properties = h5_access();
    *file = H5Fopen(path, H5F_ACC_RDONLY, properties);
    enum status status = *file < 0 ? h5_read_failure(path, "the file") : STATUS_OK;
    h5_close(&properties);
    return status;
}

enum status store_require_results(const char *path)
{
    h5_begin();
    hid_t properties = h5_access(), file = -1;
    htri_t is_hdf5 = H5Fis_hdf5(path);
    bool ours = is_hdf5 != 0; // an HDF5 file that cannot be opened may be a damaged results file
    if (is_hdf5 > 0)
        file = H5Fopen(path, H5F_ACC_RDONLY, properties);
    if (file >= 0) {
        ours = H5Aexists(file, LAYOUT_SCHEMA_VERSION) != 0;
        H5Fclose(file);
    }
    h5_close(&properties);
    TRY(h5_settle(STATUS_OK, path));
    if (!ours)
        FAIL(STATUS_USAGE,
             "%s exists already and is not a results file of weightsweep; give another name with -o, or move "
             "that "
             "file away",
             path);
    return STATUS_OK;
}

static enum status read_schema(struct store_view *view)
{
    htri_t exists = H5Aexists(view->file, LAYOUT_SCHEMA_VERSION);
    if (exists < 0)
        return h5_read_failure(view->path, "its root");
    if (exists == 0)
        FAIL(STATUS_RESULTS,
             "%s is not a weightsweep results file (no attribute `" LAYOUT_SCHEMA_VERSION
             "`); check the name",
             view->path);
    view->schema = h5_attribute_int(view->file, LAYOUT_SCHEMA_VERSION, -1);
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

// Text written later: [runs, length] of char. *chars keeps the array with its padding, which row checksums
// cover.
static enum status read_chars(struct store_view *view, const char *name, hsize_t length, char **chars)
{
    struct h5_array array = view_array(view, name, H5T_STRING, 1);
    array.rank = 2;
    array.shape[1] = length;
    *chars = memory_small((size_t)view->runs * length);
    TRY(h5_array_read(view->file, view->path, &array, -1, *chars));
    TRY(require_column(view, name, COLUMN_TEXT));
    struct column *column = column_find(&view->columns, name);
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

static struct column *add_column(struct store_view *view, hid_t dataset, const char *name,
                                 enum column_type type)
{
    char *units = h5_attribute_text(dataset, LAYOUT_UNITS),
         *long_name = h5_attribute_text(dataset, LAYOUT_LONG_NAME);
    char *format = h5_attribute_text(dataset, LAYOUT_FORMAT);
    if (format && strcmp(format, LAYOUT_FORMAT_LIST) == 0)
        type = COLUMN_LIST;
    struct column *column =
        column_add(&view->columns, name, type, units ? units : "", long_name ? long_name : "");
    free(format);
    free(long_name);
    free(units);
    return column;
}

static bool is_chars(const char *name)
{
    return strcmp(name, LAYOUT_MESSAGE) == 0 || strcmp(name, LAYOUT_ARITHMETIC) == 0;
}

static enum status read_column(struct store_view *view, hid_t dataset, const char *name)
{
    static const H5T_class_t classes[] = {
        [COLUMN_INT] = H5T_INTEGER, [COLUMN_REAL] = H5T_FLOAT, [COLUMN_TEXT] = H5T_STRING};
    enum column_type type = type_of(dataset);
    if (is_chars(name)) { // read_chars reads the texts
        add_column(view, dataset, name, COLUMN_TEXT);
        return STATUS_OK;
    }
    const struct h5_array array = view_array(view, name, classes[type], type == COLUMN_TEXT ? 0 : 8);
    TRY(h5_array_check(dataset, view->path, &array));
    struct column *column = add_column(view, dataset, name, type);
    return type == COLUMN_TEXT ? read_texts(view, dataset, column)
                               : h5_array_read(view->file, view->path, &array, -1, column->ints);
}

// The attribute `role` marks the datasets that are columns.
static enum status read_if_column(struct store_view *view, const char *name, int64_t *datasets)
{
    enum status status = STATUS_OK;
    hid_t object = H5Oopen(view->file, name, H5P_DEFAULT);
    if (object < 0)
        return h5_read_failure(view->path, name);
    bool is_dataset = H5Iget_type(object) == H5I_DATASET;
    char *role = is_dataset ? h5_attribute_text(object, LAYOUT_ROLE) : NULL;
    *datasets += is_dataset;
    if (role) {
        view->settings += strcmp(role, LAYOUT_ROLE_SETTING) == 0;
        view->outcomes += strcmp(role, LAYOUT_ROLE_OUTCOME) == 0 && !is_chars(name);
        status = read_column(view, object, name);
    }
    free(role);
    h5_close(&object);
    return status;
}

static enum status read_columns(struct store_view *view)
{
    struct h5_names names;
    enum status status = h5_names_read(view->file, view->path, &names);
    int64_t datasets = 0;
    for (int i = 0; i < names.count && datasets < view->datasets && status == STATUS_OK; i++)
        status = read_if_column(view, names.name[i], &datasets);
    h5_names_free(&names);
    return status;
}

static enum status read_status(struct store_view *view)
{
    const struct h5_array array = view_array(view, LAYOUT_STATUS, H5T_INTEGER, 1);
    view->status = memory_small((size_t)view->runs);
    view->damaged = memory_small((size_t)view->runs * sizeof *view->damaged);
    TRY(h5_array_read(view->file, view->path, &array, -1, view->status));
    for (int64_t run = 0; run < view->runs; run++)
        if (view->status[run] > RUN_FAILED)
            FAIL(STATUS_RESULTS, "%s is damaged: run %lld has status %d; expected 0 to %d", view->path,
                 (long long)run, view->status[run], RUN_FAILED);
    return STATUS_OK;
}

// Checks the settings and the texts of the root in a file of schema version 1.
static enum status check_attributes(const struct store_view *view)
{
    if (h5_attribute_int(view->file, LAYOUT_ATTRIBUTES_CHECKSUM, CHECKSUM_NONE) == checksum_attributes(view))
        return STATUS_OK;
    FAIL(STATUS_RESULTS,
         "%s is damaged: its columns or settings do not match their checksum; restore the file from a copy",
         view->path);
}

static enum status read_all(struct store_view *view)
{
    TRY(open_file(view->path, &view->file));
    TRY(read_schema(view));
    view->datasets = INT64_MAX;
    if (!view->older)
        TRY(immutable_check(view->file, view->path, &view->datasets));
    TRY(read_text(view, LAYOUT_SWEEP, &view->sweep));
    TRY(read_text(view, LAYOUT_RESOLVED, &view->resolved));
    TRY(read_text(view, LAYOUT_VERSIONS, &view->versions));
    TRY(read_text(view, LAYOUT_CREATED, &view->created));
    TRY(read_dimension(view, LAYOUT_RUN, &view->runs));
    TRY(read_dimension(view, LAYOUT_POINT, &view->points));
    view->archive = H5Aexists(view->file, LAYOUT_ARCHIVE) > 0;
    view->models = !view->archive || H5Lexists(view->file, LAYOUT_MODELS, H5P_DEFAULT) > 0;
    TRY(read_status(view)); // before the columns: the row of a run that is finished by now is complete
    view->columns.rows = view->runs;
    TRY(read_columns(view));
    TRY(read_chars(view, LAYOUT_MESSAGE, STORE_MESSAGE_LENGTH, &view->message));
    TRY(read_chars(view, LAYOUT_ARITHMETIC, STORE_ARITHMETIC_LENGTH, &view->arithmetic));
    TRY(require_column(view, LAYOUT_RUN_ID, COLUMN_TEXT));
    TRY(require_column(view, LAYOUT_ROW_CHECKSUM, COLUMN_INT));
    TRY(require_column(view, LAYOUT_CURVE_CHECKSUM, COLUMN_INT));
    TRY(require_column(view, LAYOUT_MODEL_CHECKSUM, COLUMN_INT));
    return view->older ? check_attributes(view) : STATUS_OK;
}

enum status view_open(const char *path, struct store_view **out)
{
    h5_begin();
    struct store_view *view = memory_small(sizeof *view);
    view->path = memory_text(path);
    enum status status = h5_settle(read_all(view), path);
    if (status != STATUS_OK)
        store_view_close(&view);
    *out = view;
    return status;
}

enum status store_view_open(const char *path, struct store_view **out)
{
    TRY(view_open(path, out));
    h5_begin();
    for (int64_t run = 0; run < (*out)->runs; run++)
        if ((*out)->status[run] >= RUN_DONE)
            view_check_row(*out, run);
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
