// A new results file, with everything in it that will ever be: afterwards no metadata changes.
#include "base/clock.h"
#include "base/memory.h"
#include "store/checkpoint.h"
#include "store/checksum.h"
#include "store/file.h"
#include "store/h5.h"
#include "store/layout.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct creation {
    const struct store_plan *plan;
    const char *path;      // of the .part file
    hid_t file, text;      // the file; the type of variable-length text
    hid_t run, point;      // dimension scales
    hid_t early, unfilled; // dataset properties: allocated at once, and left as the file system gives it
};

#define WRITE(call)                                                                                          \
    do {                                                                                                     \
        if ((call) < 0)                                                                                      \
            TRY_DONE(h5_write_failure(creation->path, "a new results file"));                                \
    } while (0)

static enum status write_attribute(const struct creation *creation, hid_t object, const char *name,
                                   hid_t type, hsize_t count, const void *value)
{
    enum status status = STATUS_OK;
    hid_t attribute = 0;
    hid_t space = count ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_SCALAR);
    WRITE(attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
    WRITE(H5Awrite(attribute, type, value));
done:
    h5_close(&attribute);
    h5_close(&space);
    return status;
}

static enum status write_text(const struct creation *creation, hid_t object, const char *name,
                              const char *text)
{
    return write_attribute(creation, object, name, creation->text, 0, &text);
}

static enum status write_int(const struct creation *creation, hid_t object, const char *name, int64_t value)
{
    return write_attribute(creation, object, name, H5T_NATIVE_INT64, 0, &value);
}

// A dimension that is no variable, the way netCDF-4 writes it: a scale without data under netCDF's own
// phrase.
static enum status create_dimension(const struct creation *creation, const char *name, int64_t length,
                                    hid_t *scale)
{
    enum status status = STATUS_OK;
    char phrase[96];
    snprintf(phrase, sizeof phrase, "This is a netCDF dimension but not a netCDF variable.%10lld",
             (long long)length);
    hid_t space = H5Screate_simple(1, &(hsize_t){(hsize_t)length}, NULL);
    WRITE(*scale =
              H5Dcreate2(creation->file, name, H5T_IEEE_F32BE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    WRITE(H5DSset_scale(*scale, phrase));
done:
    h5_close(&space);
    return status;
}

struct variable {
    const char *name, *units, *long_name, *role;
    hid_t type;
    hid_t dimensions[2]; // the second may be 0
    const void *fill;    // what every element holds at first; NULL where everything is written at once
};

static enum status create_variable(const struct creation *creation, const struct variable *variable,
                                   hid_t *dataset)
{
    enum status status = STATUS_OK;
    hsize_t shape[2];
    int rank = variable->dimensions[1] ? 2 : 1;
    for (int i = 0; i < rank; i++) {
        hid_t extent = H5Dget_space(variable->dimensions[i]);
        H5Sget_simple_extent_dims(extent, &shape[i], NULL);
        h5_close(&extent);
    }
    hid_t space = H5Screate_simple(rank, shape, NULL);
    hid_t properties = H5Pcopy(creation->early);
    if (variable->fill) {
        WRITE(H5Pset_fill_value(properties, variable->type, variable->fill));
        WRITE(H5Pset_fill_time(properties, H5D_FILL_TIME_ALLOC));
    }
    WRITE(*dataset = H5Dcreate2(creation->file, variable->name, variable->type, space, H5P_DEFAULT,
                                properties, H5P_DEFAULT));
    for (int i = 0; i < rank; i++)
        WRITE(H5DSattach_scale(*dataset, variable->dimensions[i], (unsigned)i));
    TRY_DONE(write_text(creation, *dataset, LAYOUT_UNITS, variable->units));
    TRY_DONE(write_text(creation, *dataset, LAYOUT_LONG_NAME, variable->long_name));
    if (variable->role)
        TRY_DONE(write_text(creation, *dataset, LAYOUT_ROLE, variable->role));
done:
    h5_close(&properties);
    h5_close(&space);
    return status;
}

static enum status create_setting(const struct creation *creation, const struct column *column)
{
    enum status status = STATUS_OK;
    bool is_text = column->type == COLUMN_TEXT || column->type == COLUMN_LIST;
    int64_t rows = creation->plan->settings->rows;
    const char **texts = NULL;
    const void *values = column->ints;
    hid_t dataset = 0, type = column->type == COLUMN_INT ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE;
    if (is_text) {
        type = creation->text;
        values = texts = memory_small((size_t)rows * sizeof *texts);
        for (int64_t row = 0; row < rows; row++)
            texts[row] = column->texts[row] ? column->texts[row] : "";
    }
    struct variable variable = {.name = column->name,
                                .units = column->units,
                                .long_name = column->long_name,
                                .role = LAYOUT_ROLE_SETTING,
                                .type = type,
                                .dimensions = {creation->run}};
    TRY_DONE(create_variable(creation, &variable, &dataset));
    if (column->type == COLUMN_LIST)
        TRY_DONE(write_text(creation, dataset, LAYOUT_FORMAT, LAYOUT_FORMAT_LIST));
    WRITE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
done:
    h5_close(&dataset);
    free(texts);
    return status;
}

static enum status create_status(const struct creation *creation)
{
    enum status status = STATUS_OK;
    hid_t dataset = 0;
    const uint8_t values[] = {RUN_PENDING, RUN_RUNNING, RUN_DONE, RUN_DIVERGED, RUN_FAILED};
    struct variable variable = {.name = LAYOUT_STATUS,
                                .units = "1",
                                .long_name = "what has become of the run",
                                .type = H5T_NATIVE_UINT8,
                                .dimensions = {creation->run},
                                .fill = &(uint8_t){RUN_PENDING}};
    TRY_DONE(create_variable(creation, &variable, &dataset));
    TRY_DONE(write_attribute(creation, dataset, "flag_values", H5T_NATIVE_UINT8, sizeof values, values));
    TRY_DONE(write_text(creation, dataset, "flag_meanings", "pending running done diverged failed"));
done:
    h5_close(&dataset);
    return status;
}

static enum status create_outcome(const struct creation *creation, const struct column *column)
{
    bool integer = column->type == COLUMN_INT;
    hid_t dataset = 0;
    struct variable variable = {.name = column->name,
                                .units = column->units,
                                .long_name = column->long_name,
                                .role = LAYOUT_ROLE_OUTCOME,
                                .type = integer ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE,
                                .dimensions = {creation->run},
                                .fill = integer ? (const void *)&(int64_t){0} : (const void *)&(double){NAN}};
    enum status status = create_variable(creation, &variable, &dataset);
    h5_close(&dataset);
    return status;
}

// A text that comes later: a char array, whose length netCDF wants to be a dimension of its own.
static enum status create_chars(const struct creation *creation, const char *name, const char *long_name,
                                int length)
{
    enum status status = STATUS_OK;
    hid_t scale = 0, dataset = 0;
    char dimension[64];
    snprintf(dimension, sizeof dimension, "%s_length", name);
    TRY_DONE(create_dimension(creation, dimension, length, &scale));
    struct variable variable = {.name = name,
                                .units = "1",
                                .long_name = long_name,
                                .role = LAYOUT_ROLE_OUTCOME,
                                .type = H5T_C_S1,
                                .dimensions = {creation->run, scale},
                                .fill = ""};
    TRY_DONE(create_variable(creation, &variable, &dataset));
    TRY_DONE(write_text(creation, dataset, "_Encoding", "utf-8"));
done:
    h5_close(&dataset);
    h5_close(&scale);
    return status;
}

static enum status create_checksum(const struct creation *creation, const char *name, const char *long_name)
{
    hid_t dataset = 0;
    struct variable variable = {.name = name,
                                .units = "1",
                                .long_name = long_name,
                                .role = LAYOUT_ROLE_CHECKSUM,
                                .type = H5T_NATIVE_INT64,
                                .dimensions = {creation->run},
                                .fill = &(int64_t){CHECKSUM_NONE}};
    enum status status = create_variable(creation, &variable, &dataset);
    h5_close(&dataset);
    return status;
}

static enum status create_curve(const struct creation *creation, const struct curve_layout *curve)
{
    hid_t dataset = 0;
    struct variable variable = {.name = curve->name,
                                .units = curve->units,
                                .long_name = curve->long_name,
                                .type = H5T_NATIVE_DOUBLE,
                                .dimensions = {creation->run, creation->point},
                                .fill = &(double){NAN}};
    enum status status = create_variable(creation, &variable, &dataset);
    h5_close(&dataset);
    return status;
}

static enum status create_columns(const struct creation *creation)
{
    const struct store_plan *plan = creation->plan;
    for (int i = 0; i < plan->settings->count; i++)
        TRY(create_setting(creation, &plan->settings->columns[i]));
    TRY(create_status(creation));
    for (int i = 0; i < plan->outcome_count; i++)
        TRY(create_outcome(creation, &plan->outcomes[i]));
    TRY(create_chars(creation, LAYOUT_MESSAGE, "why the run failed", STORE_MESSAGE_LENGTH));
    TRY(create_chars(creation, LAYOUT_ARITHMETIC,
                     "what computed the run: its bits are the same on the same arithmetic",
                     STORE_ARITHMETIC_LENGTH));
    TRY(create_checksum(creation, LAYOUT_ROW_CHECKSUM, "CRC-32 of the finished row"));
    TRY(create_checksum(creation, LAYOUT_CURVE_CHECKSUM, "CRC-32 of the run's curves"));
    TRY(create_checksum(creation, LAYOUT_MODEL_CHECKSUM, "CRC-32 of the run's parameters"));
    for (int i = 0; i < CURVES; i++)
        TRY(create_curve(creation, &layout_curves[i]));
    return STATUS_OK;
}

static const char *id_of(const struct creation *creation, int64_t run)
{
    return column_find(creation->plan->settings, LAYOUT_RUN_ID)->texts[run];
}

static enum status create_model(const struct creation *creation, hid_t models, hid_t group_properties,
                                int64_t run, const struct store_model *model)
{
    enum status status = STATUS_OK;
    hid_t group = 0, space = 0, dataset = 0;
    size_t offset = 0;
    WRITE(group = H5Gcreate2(models, id_of(creation, run), H5P_DEFAULT, group_properties, H5P_DEFAULT));
    for (int i = 0; i < model->tensors; i++) {
        const struct store_tensor *tensor = &model->tensor[i];
        if (tensor->offset != offset) // the writer walks through the flat vector without looking at offsets
            FAIL_DONE(STATUS_INTERNAL, "tensor %s does not start where the one before it ends", tensor->name);
        hsize_t shape[2] = {(hsize_t)tensor->shape[0], tensor->rank == 2 ? (hsize_t)tensor->shape[1] : 1};
        space = H5Screate_simple(tensor->rank, shape, NULL);
        WRITE(dataset = H5Dcreate2(group, tensor->name, H5T_NATIVE_FLOAT, space, H5P_DEFAULT,
                                   creation->unfilled, H5P_DEFAULT));
        offset += shape[0] * shape[1];
        h5_close(&dataset);
        h5_close(&space);
    }
done:
    h5_close(&space);
    h5_close(&group);
    return status;
}

static enum status create_slots(const struct creation *creation, hid_t checkpoints, int64_t run,
                                size_t payload)
{
    enum status status = STATUS_OK;
    hid_t group = 0, dataset = 0;
    hid_t space = H5Screate_simple(2, (hsize_t[2]){2, slot_bytes(payload)}, NULL);
    WRITE(group = H5Gcreate2(checkpoints, id_of(creation, run), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    WRITE(dataset = H5Dcreate2(group, LAYOUT_SLOTS, H5T_NATIVE_UINT8, space, H5P_DEFAULT, creation->unfilled,
                               H5P_DEFAULT));
done:
    h5_close(&dataset);
    h5_close(&group);
    h5_close(&space);
    return status;
}

static enum status create_runs(const struct creation *creation)
{
    enum status status = STATUS_OK;
    hid_t models = 0, checkpoints = 0;
    // A model's links all fit into the header of its group: smaller, and several times faster to make, than
    // the B-tree that HDF5 would start at the ninth. Their order is that of the flat vector.
    hid_t properties = H5Pcreate(H5P_GROUP_CREATE);
    struct store_model *model = memory_small(sizeof *model);
    enum { MOST_TENSORS = sizeof model->tensor / sizeof *model->tensor };
    H5Pset_link_phase_change(properties, MOST_TENSORS, 0);
    H5Pset_link_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    WRITE(models = H5Gcreate2(creation->file, LAYOUT_MODELS, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    WRITE(checkpoints =
              H5Gcreate2(creation->file, LAYOUT_CHECKPOINTS, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    for (int64_t run = 0; run < creation->plan->settings->rows; run++) {
        *model = (struct store_model){0};
        creation->plan->model(creation->plan->context, run, model);
        H5Pset_est_link_info(properties, (unsigned)model->tensors, 24);
        TRY_DONE(create_model(creation, models, properties, run, model));
        TRY_DONE(create_slots(creation, checkpoints, run, model->checkpoint_bytes));
    }
done:
    free(model);
    h5_close(&properties);
    h5_close(&checkpoints);
    h5_close(&models);
    return status;
}

static enum status create_attributes(const struct creation *creation)
{
    const struct store_plan *plan = creation->plan;
    char created[32];
    clock_date(created);
    int64_t checksum = checksum_attributes(plan->sweep, plan->resolved, plan->versions, created,
                                           plan->settings, plan->settings->count);
    TRY(write_text(creation, creation->file, LAYOUT_SWEEP, plan->sweep));
    TRY(write_text(creation, creation->file, LAYOUT_RESOLVED, plan->resolved));
    TRY(write_text(creation, creation->file, LAYOUT_VERSIONS, plan->versions));
    TRY(write_text(creation, creation->file, LAYOUT_CREATED, created));
    TRY(write_int(creation, creation->file, LAYOUT_SCHEMA_VERSION, SCHEMA_VERSION));
    return write_int(creation, creation->file, LAYOUT_ATTRIBUTES_CHECKSUM, checksum);
}

static enum status create_contents(struct creation *creation)
{
    enum status status = STATUS_OK;
    creation->text = h5_text_type();
    creation->early = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_layout(creation->early, H5D_CONTIGUOUS);
    H5Pset_alloc_time(creation->early, H5D_ALLOC_TIME_EARLY);
    H5Pset_obj_track_times(creation->early, false);
    creation->unfilled = H5Pcopy(creation->early);
    H5Pset_fill_time(creation->unfilled, H5D_FILL_TIME_NEVER);
    int64_t points = creation->plan->points > 0 ? creation->plan->points : 1;
    TRY_DONE(create_attributes(creation));
    TRY_DONE(create_dimension(creation, LAYOUT_RUN, creation->plan->settings->rows, &creation->run));
    TRY_DONE(create_dimension(creation, LAYOUT_POINT, points, &creation->point));
    TRY_DONE(create_columns(creation));
    TRY_DONE(create_runs(creation));
done:
    h5_close(&creation->run);
    h5_close(&creation->point);
    h5_close(&creation->unfilled);
    h5_close(&creation->early);
    h5_close(&creation->text);
    return status;
}

// Slots start on block boundaries; the many small pieces of metadata are handed out from large blocks, one
// after the other.
static hid_t create_access(void)
{
    hid_t access = h5_access();
    H5Pset_alignment(access, 2 * SLOT_BLOCK, SLOT_BLOCK);
    H5Pset_meta_block_size(access, 1 << 20);
    return access;
}

static enum status create_part(const char *part, const struct store_plan *plan)
{
    enum status status = STATUS_OK;
    struct creation it = {.plan = plan, .path = part}, *creation = &it;
    hid_t access = create_access(), properties = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_link_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    WRITE(creation->file = H5Fcreate(part, H5F_ACC_TRUNC, properties, access));
    TRY_DONE(create_contents(creation));
done:
    if (creation->file > 0 && H5Fclose(creation->file) < 0 && status == STATUS_OK)
        status = h5_write_failure(part, "a new results file");
    h5_close(&properties);
    h5_close(&access);
    return status;
}

static enum status sync_path(const char *path, const char *shown, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return file_write_failure(shown, "a new results file", errno);
    enum status status = STATUS_OK;
    if (fsync(fd) != 0 && errno != EINVAL) // some file systems cannot sync a directory
        status = file_write_failure(shown, "a new results file", errno);
    close(fd);
    return status;
}

static enum status sync_directory_of(const char *path)
{
    char *copy = memory_text(path);
    enum status status = sync_path(dirname(copy), path, O_RDONLY | O_DIRECTORY);
    free(copy);
    return status;
}

enum status store_create(const char *path, const struct store_plan *plan)
{
    enum status status = STATUS_OK;
    if (access(path, F_OK) == 0)
        FAIL(STATUS_RESULTS, "%s exists already", path);
    h5_begin();
    char *part = memory_format("%s.part", path);
    TRY_DONE(create_part(part, plan));
    TRY_DONE(sync_path(part, part, O_RDWR));
    if (rename(part, path) != 0)
        TRY_DONE(file_write_failure(path, "a new results file", errno));
    TRY_DONE(sync_directory_of(path));
done:
    if (status != STATUS_OK)
        unlink(part);
    free(part);
    return status;
}
