#include "store/checksum.h"

#include "base/hash.h"
#include "store/file_layout.h"
#include "store/h5.h"

#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>

// Extends `crc` by a text (NULL: an empty one) and its terminating zero: "ab", "c" and "a", "bc" differ.
static uint32_t add_text(uint32_t crc, const char *text)
{
    return text ? hash_crc32(crc, text, strlen(text) + 1) : hash_crc32(crc, "", 1);
}

int64_t checksum_row(const char *run_id, uint8_t status, const uint64_t *outcomes, int count,
                     const char *message, const char *arithmetic)
{
    uint32_t crc = add_text(0, run_id);
    crc = hash_crc32(crc, &status, sizeof status);
    crc = hash_crc32(crc, outcomes, (size_t)count * sizeof *outcomes);
    crc = hash_crc32(crc, message, STORE_MESSAGE_LENGTH);
    return hash_crc32(crc, arithmetic, STORE_ARITHMETIC_LENGTH);
}

enum status checksum_pair_create(hid_t file, const char *path, const char *what, const char *name,
                                 const int64_t pair[2], int64_t *offset)
{
    hid_t properties = h5_contiguous();
    hid_t dataset = h5_dataset_create(file, name, H5T_NATIVE_INT64, 1, (hsize_t[]){2}, properties);
    enum status status = STATUS_OK;
    if (dataset < 0 || H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, pair) < 0)
        status = h5_write_failure(path, what);
    else
        *offset = (int64_t)H5Dget_offset(dataset);
    h5_close(&dataset);
    h5_close(&properties);
    return status;
}

enum status checksum_pair_read(hid_t file, const char *path, const char *name, int64_t pair[2],
                               int64_t *offset)
{
    const struct h5_array array = {name, H5T_INTEGER, sizeof *pair, 1, {2}};
    TRY(h5_array_locate(file, path, &array, offset));
    return h5_array_read(file, path, &array, -1, pair);
}

// ---- the immutable content ----

_Static_assert(sizeof(struct immutable) == 2 * sizeof(int64_t), "a struct immutable is a pair of int64");

const char *const checksum_attributes[] = {LAYOUT_UNITS, LAYOUT_LONG_NAME, LAYOUT_ROLE, LAYOUT_FORMAT,
                                           "_Encoding",  "flag_meanings",  NULL};

// Extends `crc` by the name and text of an attribute, if the object has the attribute.
static uint32_t add_attribute(uint32_t crc, hid_t object, const char *name)
{
    char *text = h5_attribute_text(object, name);
    if (text)
        crc = add_text(add_text(crc, name), text);
    free(text);
    return crc;
}

static uint32_t add_shape(uint32_t crc, hid_t type, hid_t space)
{
    hsize_t shape[H5S_MAX_RANK] = {0};
    int rank = H5Sget_simple_extent_dims(space, shape, NULL);
    size_t size = H5Tis_variable_str(type) > 0 ? 0 : H5Tget_size(type);
    const int64_t head[] = {H5Tget_class(type), (int64_t)size, rank};
    crc = hash_crc32(crc, head, sizeof head);
    return rank > 0 ? hash_crc32(crc, shape, (size_t)rank * sizeof *shape) : crc;
}

static herr_t add_scale(hid_t dataset, unsigned dimension, hid_t scale, void *crc)
{
    (void)dataset, (void)dimension;
    char name[256] = "";
    if (H5Iget_name(scale, name, sizeof name) <= 0)
        return -1;
    *(uint32_t *)crc = add_text(*(uint32_t *)crc, name);
    return 1; // other programs may attach more scales
}

static enum status add_dimensions(hid_t dataset, const char *path, const char *name, int rank, uint32_t *crc)
{
    for (int i = 0; i < rank; i++)
        if (H5DSget_num_scales(dataset, (unsigned)i) > 0 &&
            H5DSiterate_scales(dataset, (unsigned)i, NULL, add_scale, crc) < 0)
            return h5_read_failure(path, name);
    return STATUS_OK;
}

static enum status add_values(hid_t dataset, const char *path, const char *name, uint32_t *crc)
{
    struct h5_values values;
    enum status status = h5_values_read(dataset, path, name, &values);
    if (status == STATUS_OK && H5Tis_variable_str(values.type) > 0)
        for (size_t i = 0; i < values.count; i++)
            *crc = add_text(*crc, ((char **)values.bytes)[i]);
    else if (status == STATUS_OK)
        *crc = hash_crc32(*crc, values.bytes, values.count * values.size);
    h5_values_free(&values);
    return status;
}

static enum status add_dataset(hid_t dataset, const char *path, const char *name, uint32_t *crc)
{
    enum status status = STATUS_OK;
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    char *role = h5_attribute_text(dataset, LAYOUT_ROLE);
    if (type < 0 || space < 0)
        TRY_DONE(h5_read_failure(path, name));
    *crc = add_shape(add_text(*crc, name), type, space);
    for (const char *const *attribute = checksum_attributes; *attribute; attribute++)
        *crc = add_attribute(*crc, dataset, *attribute);
    if (H5DSis_scale(dataset) <= 0)
        TRY_DONE(add_dimensions(dataset, path, name, H5Sget_simple_extent_ndims(space), crc));
    if (role && strcmp(role, LAYOUT_ROLE_SETTING) == 0)
        TRY_DONE(add_values(dataset, path, name, crc));
done:
    free(role);
    h5_close(&space);
    h5_close(&type);
    return status;
}

static enum status refuse_content(const char *path)
{
    FAIL(STATUS_RESULTS,
         "%s is damaged: its columns or settings do not match their checksum; restore the file from a copy",
         path);
}

struct summation {
    const char *path;
    int64_t limit;
    struct immutable sum;
};

static enum status add_member(hid_t member, const char *name, void *context)
{
    struct summation *summation = context;
    struct immutable *sum = &summation->sum;
    uint32_t crc = (uint32_t)sum->checksum;
    if (sum->datasets == summation->limit || H5Iget_type(member) != H5I_DATASET)
        return STATUS_OK;
    TRY(add_dataset(member, summation->path, name, &crc));
    *sum = (struct immutable){sum->datasets + 1, crc};
    return STATUS_OK;
}

enum status checksum_immutable(hid_t file, const char *path, int64_t limit, struct immutable *sum)
{
    static const char *const texts[] = {LAYOUT_SWEEP, LAYOUT_RESOLVED, LAYOUT_VERSIONS, LAYOUT_CREATED};
    struct summation summation = {path, limit, {0}};
    uint32_t crc = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        crc = add_attribute(crc, file, texts[i]);
    summation.sum.checksum = crc;
    TRY(h5_visit(file, path, add_member, &summation));
    *sum = summation.sum;
    return STATUS_OK;
}

enum status checksum_create(hid_t file, const char *path, const char *what, int64_t limit)
{
    struct immutable sum;
    int64_t offset;
    TRY(checksum_immutable(file, path, limit, &sum));
    return checksum_pair_create(file, path, what, LAYOUT_IMMUTABLE, (const int64_t *)&sum, &offset);
}

enum status checksum_check(hid_t file, const char *path, int64_t *datasets)
{
    struct immutable stored, sum;
    int64_t offset;
    TRY(checksum_pair_read(file, path, LAYOUT_IMMUTABLE, (int64_t *)&stored, &offset));
    TRY(checksum_immutable(file, path, stored.datasets, &sum));
    *datasets = stored.datasets;
    return memcmp(&sum, &stored, sizeof sum) == 0 ? STATUS_OK : refuse_content(path);
}

enum status checksum_check_older(const struct store_view *view)
{
    uint32_t crc = hash_crc32(0, &view->schema, sizeof view->schema);
    const char *const texts[] = {view->sweep, view->resolved, view->versions, view->created};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        crc = add_text(crc, texts[i]);
    for (int i = 0; i < view->settings; i++) {
        const struct column *column = &view->columns.columns[i];
        crc = add_text(crc, column->name);
        if (column->type == COLUMN_INT || column->type == COLUMN_REAL) // both have eight bytes per row
            crc = hash_crc32(crc, column->ints, (size_t)view->runs * sizeof *column->ints);
        else
            for (int64_t row = 0; row < view->runs; row++)
                crc = add_text(crc, column->texts[row]);
    }
    bool same = h5_attribute_int(view->file, LAYOUT_ATTRIBUTES_CHECKSUM) == crc;
    return same ? STATUS_OK : refuse_content(view->path);
}
