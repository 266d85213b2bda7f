// Creates the attributes of the root, dimensions, columns, curves and timeline in the conventions of
// netCDF-4.
#include "base/clock.h"
#include "base/memory.h"
#include "store/creation.h"
#include "store/file_layout.h"

#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Creates a dimension without a variable as netCDF-4 does: a scale whose NAME is netCDF's phrase, without
// allocated values.
static enum status create_dimension(const struct creation *creation, const char *name, int64_t length,
                                    hid_t *scale)
{
    enum status status = STATUS_OK;
    char phrase[96];
    snprintf(phrase, sizeof phrase, "This is a netCDF dimension but not a netCDF variable.%10lld",
             (long long)length);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(properties, false);
    WRITE(*scale = h5_dataset_create(creation->file, name, H5T_IEEE_F32BE, 1, &(hsize_t){(hsize_t)length},
                                     properties));
    WRITE(H5DSset_scale(*scale, phrase));
done:
    h5_close(&properties);
    return status;
}

struct variable {
    const char *name, *units, *long_name, *role;
    hid_t type;
    hid_t dimensions[2]; // the second may be 0
    const void *fill;    // initial value of every element; NULL if every element is written at creation
};

// Remembers the column for create.c, which writes its initial values in blocks: HDF5 would write them to
// memory.
static void add_column(struct creation *creation, hid_t dataset, const struct variable *variable)
{
    size_t count = (size_t)creation->column_count + 1;
    creation->columns = memory_grow(creation->columns, count * sizeof *creation->columns);
    struct creation_column *column = &creation->columns[creation->column_count++];
    *column = (struct creation_column){.offset = (int64_t)H5Dget_offset(dataset),
                                       .length = (int64_t)H5Dget_storage_size(dataset),
                                       .size = H5Tget_size(variable->type)};
    memcpy(&column->first, variable->fill, column->size);
}

static enum status create_variable(struct creation *creation, const struct variable *variable, hid_t *dataset)
{
    enum status status = STATUS_OK;
    hsize_t shape[2];
    int rank = variable->dimensions[1] ? 2 : 1;
    for (int i = 0; i < rank; i++) {
        hid_t extent = H5Dget_space(variable->dimensions[i]);
        H5Sget_simple_extent_dims(extent, &shape[i], NULL);
        h5_close(&extent);
    }
    hid_t properties = h5_contiguous();
    if (variable->fill) {
        WRITE(H5Pset_fill_value(properties, variable->type, variable->fill));
        WRITE(H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER));
    }
    WRITE(*dataset =
              h5_dataset_create(creation->file, variable->name, variable->type, rank, shape, properties));
    if (variable->fill)
        add_column(creation, *dataset, variable);
    for (int i = 0; i < rank; i++)
        WRITE(H5DSattach_scale(*dataset, variable->dimensions[i], (unsigned)i));
    WRITE(h5_attribute_write_text(*dataset, LAYOUT_UNITS, variable->units));
    WRITE(h5_attribute_write_text(*dataset, LAYOUT_LONG_NAME, variable->long_name));
    if (variable->role)
        WRITE(h5_attribute_write_text(*dataset, LAYOUT_ROLE, variable->role));
done:
    h5_close(&properties);
    return status;
}

static enum status create_setting(struct creation *creation, const struct column *column)
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
        WRITE(h5_attribute_write_text(dataset, LAYOUT_FORMAT, LAYOUT_FORMAT_LIST));
    WRITE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
done:
    h5_close(&dataset);
    free(texts);
    return status;
}

static enum status create_status(struct creation *creation)
{
    enum status status = STATUS_OK;
    hid_t dataset = 0;
    const uint8_t values[] = {RUN_PENDING, RUN_RUNNING, RUN_DONE, RUN_DIVERGED, RUN_FAILED};
    struct variable variable = {.name = LAYOUT_STATUS,
                                .units = "1",
                                .long_name = "state of the run",
                                .type = H5T_NATIVE_UINT8,
                                .dimensions = {creation->run},
                                .fill = &(uint8_t){RUN_PENDING}};
    TRY_DONE(create_variable(creation, &variable, &dataset));
    WRITE(h5_attribute_write(dataset, "flag_values", H5T_NATIVE_UINT8, sizeof values, values));
    WRITE(h5_attribute_write_text(dataset, "flag_meanings", "pending running done diverged failed"));
done:
    h5_close(&dataset);
    return status;
}

// Creates a column or curve of numbers; integers are `first`, reals NaN, until they are written.
static enum status create_numbers(struct creation *creation, const struct column *column, const char *role,
                                  const hid_t dimensions[2], int64_t first)
{
    static const double unknown = NAN;
    bool integers = column->type == COLUMN_INT;
    hid_t dataset = 0;
    const struct variable variable = {.name = column->name,
                                      .units = column->units,
                                      .long_name = column->long_name,
                                      .role = role,
                                      .type = integers ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE,
                                      .dimensions = {dimensions[0], dimensions[1]},
                                      .fill = integers ? (const void *)&first : &unknown};
    enum status status = create_variable(creation, &variable, &dataset);
    h5_close(&dataset);
    return status;
}

// Creates a text column that is written after creation: an array of char, whose length is a dimension in
// netCDF.
static enum status create_chars(struct creation *creation, const char *name, const char *long_name,
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
    WRITE(h5_attribute_write_text(dataset, "_Encoding", "utf-8"));
done:
    h5_close(&dataset);
    h5_close(&scale);
    return status;
}

static enum status create_attributes(struct creation *creation)
{
    enum status status = STATUS_OK;
    const struct store_plan *plan = creation->plan;
    const int64_t version = SCHEMA_VERSION;
    char created[32];
    clock_date(created);
    WRITE(h5_attribute_write_text(creation->file, LAYOUT_SWEEP, plan->sweep));
    WRITE(h5_attribute_write_text(creation->file, LAYOUT_RESOLVED, plan->resolved));
    WRITE(h5_attribute_write_text(creation->file, LAYOUT_VERSIONS, plan->versions));
    WRITE(h5_attribute_write_text(creation->file, LAYOUT_CREATED, created));
    WRITE(h5_attribute_write(creation->file, LAYOUT_SCHEMA_VERSION, H5T_NATIVE_INT64, 0, &version));
done:
    return status;
}

static enum status create_columns(struct creation *creation)
{
    static const struct column checksums[] = {
        {LAYOUT_ROW_CHECKSUM, "1", "CRC-32 of the finished row", COLUMN_INT, {NULL}},
        {LAYOUT_CURVE_CHECKSUM, "1", "CRC-32 of the run's curves", COLUMN_INT, {NULL}},
        {LAYOUT_MODEL_CHECKSUM, "1", "CRC-32 of the run's parameters", COLUMN_INT, {NULL}}};
    const struct store_plan *plan = creation->plan;
    const hid_t run[2] = {creation->run}, run_point[2] = {creation->run, creation->point},
                segment[2] = {creation->segment};
    for (int i = 0; i < plan->settings->count; i++)
        TRY(create_setting(creation, &plan->settings->columns[i]));
    TRY(create_status(creation));
    for (int i = 0; i < plan->outcome_count; i++)
        TRY(create_numbers(creation, &plan->outcomes[i], LAYOUT_ROLE_OUTCOME, run, 0));
    TRY(create_chars(creation, LAYOUT_MESSAGE, "why the run failed", STORE_MESSAGE_LENGTH));
    TRY(create_chars(creation, LAYOUT_ARITHMETIC,
                     "numerics: the software and kernels that computed the run; same numerics, same bits",
                     STORE_ARITHMETIC_LENGTH));
    for (int i = 0; i < 3; i++)
        TRY(create_numbers(creation, &checksums[i], LAYOUT_ROLE_CHECKSUM, run, CHECKSUM_NONE));
    for (int i = 0; i < CURVES; i++)
        TRY(create_numbers(creation, &layout_curves[i], NULL, run_point, 0));
    for (int i = 0; i < TIMELINE_COLUMNS; i++)
        TRY(create_numbers(creation, &layout_timeline[i], NULL, segment, -1));
    return STATUS_OK;
}

// Number of rows of the timeline: for the start of every run, expanding groups and some hundred
// interruptions.
static int64_t segments_of(const struct store_plan *plan)
{
    return 8 * plan->settings->rows + 1024;
}

enum status columns_create(struct creation *creation)
{
    enum status status = STATUS_OK;
    int64_t points = creation->plan->points > 0 ? creation->plan->points : 1;
    creation->text = h5_text_type();
    TRY_DONE(create_attributes(creation));
    TRY_DONE(create_dimension(creation, LAYOUT_RUN, creation->plan->settings->rows, &creation->run));
    TRY_DONE(create_dimension(creation, LAYOUT_POINT, points, &creation->point));
    TRY_DONE(create_dimension(creation, LAYOUT_SEGMENT, segments_of(creation->plan), &creation->segment));
    TRY_DONE(create_columns(creation));
done:
    h5_close(&creation->segment);
    h5_close(&creation->point);
    h5_close(&creation->run);
    h5_close(&creation->text);
    return status;
}
