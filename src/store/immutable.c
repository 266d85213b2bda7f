#include "store/immutable.h"

#include "base/hash.h"
#include "store/checksum.h"
#include "store/file_layout.h"
#include "store/h5.h"

#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct immutable) == 2 * sizeof(int64_t), "a struct immutable is a pair of int64");

static const char dataset_name[] = LAYOUT_INTERNAL "/" LAYOUT_IMMUTABLE;

const char *const immutable_attributes[] = {LAYOUT_UNITS, LAYOUT_LONG_NAME, LAYOUT_ROLE, LAYOUT_FORMAT,
                                            "_Encoding",  "flag_meanings",  NULL};

// Extends `crc` by the name and text of an attribute, if the object has the attribute.
static uint32_t add_attribute(uint32_t crc, hid_t object, const char *name)
{
    char *text = h5_attribute_text(object, name);
    if (text)
        crc = checksum_text(checksum_text(crc, name), text);
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
    *(uint32_t *)crc = checksum_text(*(uint32_t *)crc, name);
    return 1; // other programs may attach further scales
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
    if (status == STATUS_OK && h5_values_are_texts(&values))
        for (size_t i = 0; i < values.count; i++)
            *crc = checksum_text(*crc, ((char **)values.bytes)[i]);
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
    *crc = add_shape(checksum_text(*crc, name), type, space);
    for (const char *const *attribute = immutable_attributes; *attribute; attribute++)
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

enum status immutable_sum(hid_t file, const char *path, int64_t limit, struct immutable *sum)
{
    static const char *const texts[] = {LAYOUT_SWEEP, LAYOUT_RESOLVED, LAYOUT_VERSIONS, LAYOUT_CREATED};
    enum status status = STATUS_OK;
    struct h5_names names;
    uint32_t crc = 0;
    *sum = (struct immutable){0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        crc = add_attribute(crc, file, texts[i]);
    TRY(h5_names_read(file, path, &names));
    for (int i = 0; i < names.count && sum->datasets < limit && status == STATUS_OK; i++) {
        hid_t object = H5Oopen(file, names.name[i], H5P_DEFAULT);
        if (object < 0)
            status = h5_read_failure(path, names.name[i]);
        else if (H5Iget_type(object) == H5I_DATASET) {
            status = add_dataset(object, path, names.name[i], &crc);
            sum->datasets++;
        }
        h5_close(&object);
    }
    h5_names_free(&names);
    sum->checksum = crc;
    return status;
}

enum status immutable_create(hid_t file, const char *path, const char *what, int64_t limit)
{
    struct immutable sum;
    int64_t offset;
    TRY(immutable_sum(file, path, limit, &sum));
    hid_t group = H5Gcreate2(file, LAYOUT_INTERNAL, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group < 0)
        return h5_write_failure(path, what);
    h5_close(&group);
    return h5_pair_create(file, path, what, dataset_name, (const int64_t *)&sum, &offset);
}

enum status immutable_check(hid_t file, const char *path, int64_t *datasets)
{
    struct immutable stored, sum;
    int64_t offset;
    TRY(h5_pair_read(file, path, dataset_name, (int64_t *)&stored, &offset));
    TRY(immutable_sum(file, path, stored.datasets, &sum));
    if (sum.datasets != stored.datasets || sum.checksum != stored.checksum)
        FAIL(STATUS_RESULTS,
             "%s is damaged: its columns or settings do not match their checksum; restore the file from a "
             "copy",
             path);
    *datasets = stored.datasets;
    return STATUS_OK;
}
