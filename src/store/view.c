// Reading, serially: what the file holds now, also while others write it. Nothing in it is trusted before it
// is checked.
#include "store/view.h"

#include "base/memory.h"
#include "store/checksum.h"
#include "store/file.h"
#include "store/file_layout.h"
#include "store/h5.h"
#include "store/immutable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status open_file(const char *path, int64_t *file)
{
    int fd;
    enum status readable = file_open(path, &fd);
    if (fd >= 0)
        close(fd);
    TRY(readable);
    htri_t is_hdf5 = H5Fis_hdf5(path);
    if (is_hdf5 < 0)
        return h5_read_failure(path, "its signature");
    if (is_hdf5 == 0)
        FAIL(STATUS_RESULTS, "%s is not an HDF5 file, so no results file; check the name", path);
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
    bool ours = is_hdf5 != 0; // what HDF5 cannot open may be a damaged results file
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
             "%s exists already and is no results file of weightsweep; give another name with -o, or move "
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

// Text columns, [runs] of variable-length UTF-8.
static enum status read_texts(const struct store_view *view, hid_t dataset, struct column *column)
{
    enum status status = STATUS_OK;
    char **texts = memory_small((size_t)view->runs * sizeof *texts);
    hid_t type = h5_text_type();
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) < 0)
        TRY_DONE(h5_read_failure(view->path, column->name));
    for (int64_t row = 0; row < view->runs; row++)
        column->texts[row] = memory_text(texts[row] ? texts[row] : "");
done:
    for (int64_t row = 0; row < view->runs; row++)
        H5free_memory(texts[row]);
    h5_close(&type);
    free(texts);
    return status;
}

// Texts that came later, [runs, length] of char.
static enum status read_chars(const struct store_view *view, hid_t dataset, size_t length,
                              struct column *column)
{
    enum status status = STATUS_OK;
    char *chars = memory_small((size_t)view->runs * length);
    if (H5Dread(dataset, H5T_C_S1, H5S_ALL, H5S_ALL, H5P_DEFAULT, chars) < 0)
        TRY_DONE(h5_read_failure(view->path, column->name));
    for (int64_t row = 0; row < view->runs; row++)
        column->texts[row] = memory_format("%.*s", (int)length, chars + (size_t)row * length);
done:
    free(chars);
    return status;
}

// What a column's type in the file makes of it here; COLUMN_TEXT for both kinds of text.
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

static enum status read_column(struct store_view *view, hid_t dataset, const char *name, size_t length)
{
    hsize_t shape[2] = {(hsize_t)view->runs, length};
    enum column_type type = type_of(dataset);
    static const H5T_class_t classes[] = {
        [COLUMN_INT] = H5T_INTEGER, [COLUMN_REAL] = H5T_FLOAT, [COLUMN_TEXT] = H5T_STRING};
    size_t size = length ? 1 : type == COLUMN_TEXT ? 0 : 8;
    TRY(h5_expect(dataset, view->path, name, length ? 2 : 1, shape, classes[type], size));
    struct column *column = add_column(view, dataset, name, type);
    if (length)
        return read_chars(view, dataset, length, column);
    if (type == COLUMN_TEXT)
        return read_texts(view, dataset, column);
    hid_t memory = type == COLUMN_INT ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE;
    if (H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, column->ints) < 0)
        return h5_read_failure(view->path, name);
    return STATUS_OK;
}

static size_t chars_length(const char *name)
{
    if (strcmp(name, LAYOUT_MESSAGE) == 0)
        return STORE_MESSAGE_LENGTH;
    return strcmp(name, LAYOUT_ARITHMETIC) == 0 ? STORE_ARITHMETIC_LENGTH : 0;
}

// The attribute `role` says which datasets are columns.
static enum status read_if_column(struct store_view *view, const char *name, int64_t *datasets)
{
    enum status status = STATUS_OK;
    hid_t object = H5Oopen(view->file, name, H5P_DEFAULT);
    if (object < 0)
        return h5_read_failure(view->path, name);
    *datasets += H5Iget_type(object) == H5I_DATASET;
    char *role = H5Iget_type(object) == H5I_DATASET ? h5_attribute_text(object, LAYOUT_ROLE) : NULL;
    if (role) {
        size_t length = chars_length(name);
        view->settings += strcmp(role, LAYOUT_ROLE_SETTING) == 0;
        view->outcomes += strcmp(role, LAYOUT_ROLE_OUTCOME) == 0 && length == 0;
        status = read_column(view, object, name, length);
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

static enum status require_column(const struct store_view *view, const char *name, enum column_type type)
{
    const struct column *column = column_find(&view->columns, name);
    if (!column || column->type != type)
        FAIL(STATUS_RESULTS, "%s is damaged: it has no column `%s` of the right type", view->path, name);
    return STATUS_OK;
}

static enum status read_status(struct store_view *view)
{
    enum status status = STATUS_OK;
    hid_t dataset = H5Dopen2(view->file, LAYOUT_STATUS, H5P_DEFAULT);
    TRY_DONE(
        h5_expect(dataset, view->path, LAYOUT_STATUS, 1, &(hsize_t){(hsize_t)view->runs}, H5T_INTEGER, 1));
    view->status = memory_small((size_t)view->runs);
    view->damaged = memory_small((size_t)view->runs * sizeof *view->damaged);
    if (H5Dread(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, view->status) < 0)
        TRY_DONE(h5_read_failure(view->path, LAYOUT_STATUS));
    for (int64_t run = 0; run < view->runs; run++)
        if (view->status[run] > RUN_FAILED)
            FAIL_DONE(STATUS_RESULTS, "%s is damaged: run %lld has status %d", view->path, (long long)run,
                      view->status[run]);
done:
    h5_close(&dataset);
    return status;
}

// Older files have a checksum over the settings and the texts of the root alone.
static enum status check_attributes(const struct store_view *view)
{
    int64_t stored = h5_attribute_int(view->file, LAYOUT_ATTRIBUTES_CHECKSUM, CHECKSUM_NONE);
    if (stored != checksum_attributes(view->schema, view->sweep, view->resolved, view->versions,
                                      view->created, &view->columns, view->settings))
        FAIL(STATUS_RESULTS,
             "%s is damaged: its columns or settings do not match their checksum; go back to a copy of it",
             view->path);
    return STATUS_OK;
}

static enum status read_all(struct store_view *view)
{
    TRY(open_file(view->path, &view->file));
    TRY(read_schema(view));
    view->datasets = INT64_MAX;
    if (view->schema >= SCHEMA_IMMUTABLE)
        TRY(immutable_check(view->file, view->path, &view->datasets));
    TRY(read_text(view, LAYOUT_SWEEP, &view->sweep));
    TRY(read_text(view, LAYOUT_RESOLVED, &view->resolved));
    TRY(read_text(view, LAYOUT_VERSIONS, &view->versions));
    TRY(read_text(view, LAYOUT_CREATED, &view->created));
    TRY(read_dimension(view, LAYOUT_RUN, &view->runs));
    TRY(read_dimension(view, LAYOUT_POINT, &view->points));
    view->archive = H5Aexists(view->file, LAYOUT_ARCHIVE) > 0;
    view->models = !view->archive || H5Lexists(view->file, LAYOUT_MODELS, H5P_DEFAULT) > 0;
    TRY(read_status(view)); // first: whoever is finished by now has its row complete
    view->columns.rows = view->runs;
    TRY(read_columns(view));
    TRY(require_column(view, LAYOUT_RUN_ID, COLUMN_TEXT));
    TRY(require_column(view, LAYOUT_MESSAGE, COLUMN_TEXT));
    TRY(require_column(view, LAYOUT_ARITHMETIC, COLUMN_TEXT));
    TRY(require_column(view, LAYOUT_ROW_CHECKSUM, COLUMN_INT));
    TRY(require_column(view, LAYOUT_CURVE_CHECKSUM, COLUMN_INT));
    TRY(require_column(view, LAYOUT_MODEL_CHECKSUM, COLUMN_INT));
    return view->schema < SCHEMA_IMMUTABLE ? check_attributes(view) : STATUS_OK;
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
