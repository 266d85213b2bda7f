// Whether what a finished run left in the file is still what it was.
#include "base/hash.h"
#include "base/memory.h"
#include "store/h5.h"
#include "store/writer.h"

#include <stdlib.h>

static enum status read_sum(struct store *store, hid_t column, const char *name, int64_t run, int64_t *sum)
{
    return h5_read_bytes(column, store->fd, store->path, name, (size_t)run * sizeof *sum, sum, sizeof *sum);
}

static enum status add_tensor(struct store *store, hid_t group, const char *name, uint32_t *crc)
{
    enum status status = STATUS_OK;
    float *values = NULL;
    hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT), space = dataset < 0 ? dataset : H5Dget_space(dataset);
    hssize_t count = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    if (count < 0)
        TRY_DONE(h5_read_failure(store->path, name));
    TRY_DONE(memory_alloc((size_t)count * sizeof *values, (void **)&values));
    TRY_DONE(h5_read_bytes(dataset, store->fd, store->path, name, 0, values, (size_t)count * sizeof *values));
    *crc = hash_crc32(*crc, values, (size_t)count * sizeof *values);
done:
    memory_free((void **)&values);
    h5_close(&space);
    h5_close(&dataset);
    return status;
}

static enum status model_crc(struct store *store, int64_t run, uint32_t *crc)
{
    enum status status = STATUS_OK;
    struct h5_names names;
    hid_t group;
    *crc = 0;
    TRY_DONE(writer_model(store, run, &group, &names));
    for (int i = 0; i < names.count; i++)
        TRY_DONE(add_tensor(store, group, names.name[i], crc));
done:
    h5_names_free(&names);
    h5_close(&group);
    return status;
}

static enum status check_run(struct store *store, int64_t run, enum run_status status, bool *sound)
{
    int64_t curve, model;
    uint32_t crc;
    TRY(read_sum(store, store->curve_checksum, LAYOUT_CURVE_CHECKSUM, run, &curve));
    TRY(read_sum(store, store->model_checksum, LAYOUT_MODEL_CHECKSUM, run, &model));
    TRY(writer_curve_crc(store, run, store->points, &crc));
    bool never_summed = status != RUN_DONE && curve == CHECKSUM_NONE;
    *sound = curve == crc || never_summed;
    if (status != RUN_DONE || !*sound)
        return STATUS_OK;
    TRY(model_crc(store, run, &crc));
    *sound = model == crc;
    return STATUS_OK;
}

enum status store_check_run(struct store *store, int64_t run, enum run_status status, bool *sound)
{
    return h5_settle(check_run(store, run, status, sound), store->path);
}
