// Whether the curves and the model of a finished run still match their checksums.
#include "base/hash.h"
#include "base/memory.h"
#include "store/file.h"
#include "store/writer.h"

static enum status read_checksum(struct store *store, off_t column, const char *name, int64_t run,
                                 int64_t *sum)
{
    return file_read(store->fd, store->path, name, sum, sizeof *sum, column + (off_t)sizeof *sum * run);
}

static enum status model_crc(struct store *store, int64_t run, uint32_t *crc)
{
    enum status status = STATUS_OK;
    *crc = 0;
    for (int i = 0; i < store->models[run].extents && status == STATUS_OK; i++) {
        const struct writer_extent *extent = &store->models[run].extent[i];
        void *values;
        TRY(memory_alloc(extent->length, &values));
        status = file_read(store->fd, store->path, "a model", values, extent->length, extent->offset);
        *crc = hash_crc32(*crc, values, extent->length);
        memory_free(&values);
    }
    return status;
}

enum status store_check_run(struct store *store, int64_t run, enum run_status status, bool *valid)
{
    int64_t curve, model;
    uint32_t crc;
    TRY(writer_check_run(store, run));
    TRY(read_checksum(store, store->curve_checksum, LAYOUT_CURVE_CHECKSUM, run, &curve));
    TRY(read_checksum(store, store->model_checksum, LAYOUT_MODEL_CHECKSUM, run, &model));
    TRY(writer_curve_crc(store, run, &crc));
    *valid = curve == crc;
    if (status != RUN_DONE || !*valid)
        return STATUS_OK;
    TRY(model_crc(store, run, &crc));
    *valid = model == crc;
    return STATUS_OK;
}
