#include "store/immutable.h"

#include "base/hash.h"
#include "base/memory.h"
#include "store/file_layout.h"
#include "store/h5.h"

#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 2 };
_Static_assert(sizeof(struct immutable) == FIELDS * sizeof(int64_t), "the struct is the dataset's content");

static const char place[] = LAYOUT_INTERNAL "/" LAYOUT_IMMUTABLE;

const char *const immutable_attributes[] = {LAYOUT_UNITS, LAYOUT_LONG_NAME, LAYOUT_ROLE, LAYOUT_FORMAT,
                                            "_Encoding",  "flag_meanings",  NULL};

// The terminating zero belongs to the text, so that "ab", "c" and "a", "bc" differ.
static uint32_t add_text(uint32_t crc, const char *text)
{
    return hash_crc32(crc, text, strlen(text) + 1);
}

// Name and value, or nothing where the object does not have the attribute.
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

static enum status add_texts(hid_t dataset, const char *path, const char *name, size_t count, uint32_t *crc)
{
    enum status status = STATUS_OK;
    char **texts = memory_small(count * sizeof *texts);
    hid_t type = h5_text_type();
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) < 0)
        TRY_DONE(h5_read_failure(path, name));
    for (size_t i = 0; i < count; i++)
        *crc = add_text(*crc, texts[i] ? texts[i] : "");
done:
    for (size_t i = 0; i < count; i++)
        H5free_memory(texts[i]);
    h5_close(&type);
    free(texts);
    return status;
}

static enum status add_numbers(hid_t dataset, const char *path, const char *name, hid_t type, size_t count,
                               uint32_t *crc)
{
    enum status status = STATUS_OK;
    size_t size = H5Tget_size(type);
    void *values;
    TRY(memory_alloc(count * size, &values));
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        TRY_DONE(h5_read_failure(path, name));
    *crc = hash_crc32(*crc, values, count * size);
done:
    memory_free(&values);
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
    for (const char *const *attribute = immutable_attributes; *attribute; attribute++)
        *crc = add_attribute(*crc, dataset, *attribute);
    if (H5DSis_scale(dataset) <= 0)
        TRY_DONE(add_dimensions(dataset, path, name, H5Sget_simple_extent_ndims(space), crc));
    if (!role || strcmp(role, LAYOUT_ROLE_SETTING) != 0)
        goto done;
    size_t count = (size_t)H5Sget_simple_extent_npoints(space);
    if (H5Tis_variable_str(type) > 0)
        TRY_DONE(add_texts(dataset, path, name, count, crc));
    else
        TRY_DONE(add_numbers(dataset, path, name, type, count, crc));
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

enum status immutable_create(hid_t file, const char *path, int64_t limit)
{
    struct immutable sum;
    TRY(immutable_sum(file, path, limit, &sum));
    hid_t properties = h5_contiguous(), space = H5Screate_simple(1, (hsize_t[]){FIELDS}, NULL), dataset = 0;
    hid_t group = H5Gcreate2(file, LAYOUT_INTERNAL, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group >= 0)
        dataset = H5Dcreate2(group, LAYOUT_IMMUTABLE, H5T_NATIVE_INT64, space, H5P_DEFAULT, properties,
                             H5P_DEFAULT);
    bool written = group >= 0 && dataset >= 0 &&
                   H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &sum) >= 0;
    enum status status = written ? STATUS_OK : h5_write_failure(path, "a new results file");
    h5_close(&dataset);
    h5_close(&group);
    h5_close(&space);
    h5_close(&properties);
    return status;
}

enum status immutable_check(hid_t file, const char *path, int64_t *datasets)
{
    enum status status = STATUS_OK;
    struct immutable stored, sum;
    hid_t dataset = H5Dopen2(file, place, H5P_DEFAULT);
    TRY_DONE(h5_expect(dataset, path, place, 1, (hsize_t[]){FIELDS}, H5T_INTEGER, sizeof(int64_t)));
    if (H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &stored) < 0)
        TRY_DONE(h5_read_failure(path, place));
    TRY_DONE(immutable_sum(file, path, stored.datasets, &sum));
    if (sum.datasets != stored.datasets || sum.checksum != stored.checksum)
        FAIL_DONE(
            STATUS_RESULTS,
            "%s is damaged: its columns or settings do not match their checksum; go back to a copy of it",
            path);
    *datasets = stored.datasets;
done:
    h5_close(&dataset);
    return status;
}
