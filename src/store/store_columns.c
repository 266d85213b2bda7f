// Creates the attributes of the root, dimensions, columns, curves and timeline in netCDF-4's conventions.
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
static struct dimension create_dimension(struct creation *creation, const char *name, int64_t length)
{
    struct dimension dimension = {.length = (hsize_t)length};
    char phrase[96];
    snprintf(phrase, sizeof phrase, "This is a netCDF dimension but not a netCDF variable.%10lld",
             (long long)length);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(properties, false);
    WRITE(dimension.scale =
              h5_dataset_create(creation->file, name, H5T_IEEE_F32BE, 1, &dimension.length, properties));
    WRITE(H5DSset_scale(dimension.scale, phrase));
    h5_close(&properties);
    return dimension;
}

// Creates a column over `rows` and, unless NULL, `across`; the caller closes the id. first: bits of the
// initial value of the elements; NULL if the caller writes every element. create.c writes values other than
// zero in blocks: HDF5 would write them to memory.
static hid_t create_column(struct creation *creation, const struct column *column, const char *role,
                           hid_t type, const struct dimension *rows, const struct dimension *across,
                           const uint64_t *first)
{
    hid_t dataset, properties = h5_contiguous();
    const hsize_t shape[2] = {rows->length, across ? across->length : 1};
    if (first) {
        WRITE(H5Pset_fill_value(properties, type, first));
        WRITE(H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER));
    }
    WRITE(dataset = h5_dataset_create(creation->file, column->name, type, across ? 2 : 1, shape, properties));
    if (first && *first) {
        size_t count = (size_t)creation->column_count + 1;
        creation->columns = memory_grow(creation->columns, count * sizeof *creation->columns);
        creation->columns[creation->column_count++] = (struct creation_column){
            (int64_t)H5Dget_offset(dataset), (int64_t)H5Dget_storage_size(dataset), *first};
    }
    WRITE(H5DSattach_scale(dataset, rows->scale, 0));
    if (across)
        WRITE(H5DSattach_scale(dataset, across->scale, 1));
    WRITE(h5_attribute_write_text(dataset, LAYOUT_UNITS, column->units));
    WRITE(h5_attribute_write_text(dataset, LAYOUT_LONG_NAME, column->long_name));
    if (role)
        WRITE(h5_attribute_write_text(dataset, LAYOUT_ROLE, role));
    h5_close(&properties);
    return dataset;
}

static void create_setting(struct creation *creation, const struct column *column)
{
    int64_t rows = creation->plan->settings->rows;
    hid_t type = column->type == COLUMN_INT ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE;
    const void *values = column->ints;
    const char **texts = NULL;
    if (column->type == COLUMN_TEXT || column->type == COLUMN_LIST) {
        type = creation->text;
        values = texts = memory_small((size_t)rows * sizeof *texts);
        for (int64_t row = 0; row < rows; row++)
            texts[row] = column->texts[row] ? column->texts[row] : "";
    }
    hid_t dataset = create_column(creation, column, LAYOUT_ROLE_SETTING, type, &creation->run, NULL, NULL);
    if (column->type == COLUMN_LIST)
        WRITE(h5_attribute_write_text(dataset, LAYOUT_FORMAT, LAYOUT_FORMAT_LIST));
    WRITE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    h5_close(&dataset);
    free(texts);
}

static void create_status(struct creation *creation)
{
    static const struct column column = {LAYOUT_STATUS, "1", "state of the run", COLUMN_INT, {NULL}};
    static const uint8_t values[] = {RUN_PENDING, RUN_RUNNING, RUN_DONE, RUN_DIVERGED, RUN_FAILED};
    hid_t dataset = create_column(creation, &column, NULL, H5T_NATIVE_UINT8, &creation->run, NULL,
                                  &(uint64_t){RUN_PENDING});
    WRITE(h5_attribute_write(dataset, "flag_values", H5T_NATIVE_UINT8, sizeof values, values));
    WRITE(h5_attribute_write_text(dataset, "flag_meanings", "pending running done diverged failed"));
    h5_close(&dataset);
}

// Creates a column of numbers: integers are `first`, reals NaN, until they are written.
static void create_numbers(struct creation *creation, const struct column *column, const char *role,
                           const struct dimension *rows, const struct dimension *across, int64_t first)
{
    static const double unknown = NAN;
    bool integers = column->type == COLUMN_INT;
    uint64_t bits = (uint64_t)first;
    if (!integers)
        memcpy(&bits, &unknown, sizeof bits);
    hid_t dataset = create_column(creation, column, role, integers ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE,
                                  rows, across, &bits);
    h5_close(&dataset);
}

// Creates a text column that is written later: an array of char, whose length is a dimension in netCDF.
static void create_chars(struct creation *creation, const char *name, const char *long_name, int length)
{
    const struct column column = {
        (char *)(uintptr_t)name, "1", (char *)(uintptr_t)long_name, COLUMN_TEXT, {NULL}};
    char dimension[64];
    snprintf(dimension, sizeof dimension, "%s_length", name);
    struct dimension across = create_dimension(creation, dimension, length);
    hid_t dataset = create_column(creation, &column, LAYOUT_ROLE_OUTCOME, H5T_C_S1, &creation->run, &across,
                                  &(uint64_t){0});
    WRITE(h5_attribute_write_text(dataset, "_Encoding", "utf-8"));
    h5_close(&dataset);
    h5_close(&across.scale);
}

void columns_create(struct creation *creation)
{
    static const struct column checksums[] = {
        {LAYOUT_ROW_CHECKSUM, "1", "CRC-32 of the finished row", COLUMN_INT, {NULL}},
        {LAYOUT_CURVE_CHECKSUM, "1", "CRC-32 of the run's curves", COLUMN_INT, {NULL}},
        {LAYOUT_MODEL_CHECKSUM, "1", "CRC-32 of the run's parameters", COLUMN_INT, {NULL}}};
    const struct store_plan *plan = creation->plan;
    const struct dimension *run = &creation->run, *point = &creation->point, *segment = &creation->segment;
    // Rows of the timeline: for the start of every run, expanding groups and some hundred interruptions.
    int64_t segments = 8 * plan->settings->rows + 1024;
    const int64_t version = SCHEMA_VERSION;
    char created[32];
    clock_date(created);
    creation->text = h5_text_type();
    WRITE(h5_attribute_write_text(creation->file, LAYOUT_SWEEP, plan->sweep));
    WRITE(h5_attribute_write_text(creation->file, LAYOUT_RESOLVED, plan->resolved));
    WRITE(h5_attribute_write_text(creation->file, LAYOUT_VERSIONS, plan->versions));
    WRITE(h5_attribute_write_text(creation->file, LAYOUT_CREATED, created));
    WRITE(h5_attribute_write(creation->file, LAYOUT_SCHEMA_VERSION, H5T_NATIVE_INT64, 0, &version));
    creation->run = create_dimension(creation, LAYOUT_RUN, plan->settings->rows);
    creation->point = create_dimension(creation, LAYOUT_POINT, plan->points > 0 ? plan->points : 1);
    creation->segment = create_dimension(creation, LAYOUT_SEGMENT, segments);
    for (int i = 0; i < plan->settings->count; i++)
        create_setting(creation, &plan->settings->columns[i]);
    create_status(creation);
    for (int i = 0; i < plan->outcome_count; i++)
        create_numbers(creation, &plan->outcomes[i], LAYOUT_ROLE_OUTCOME, run, NULL, 0);
    create_chars(creation, LAYOUT_MESSAGE, "why the run failed", STORE_MESSAGE_LENGTH);
    create_chars(creation, LAYOUT_ARITHMETIC,
                 "numerics: the software and kernels that computed the run; same numerics, same bits",
                 STORE_ARITHMETIC_LENGTH);
    for (int i = 0; i < 3; i++)
        create_numbers(creation, &checksums[i], LAYOUT_ROLE_CHECKSUM, run, NULL, CHECKSUM_NONE);
    for (int i = 0; i < CURVES; i++)
        create_numbers(creation, &layout_curves[i], NULL, run, point, 0);
    for (int i = 0; i < TIMELINE_COLUMNS; i++)
        create_numbers(creation, &layout_timeline[i], NULL, segment, NULL, -1);
    h5_close(&creation->segment.scale);
    h5_close(&creation->point.scale);
    h5_close(&creation->run.scale);
    h5_close(&creation->text);
}
