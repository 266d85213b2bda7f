// Writing rows, curves and models: single elements of datasets that exist already, each by the one rank that
// owns it.
#include "base/hash.h"
#include "base/memory.h"
#include "store/checksum.h"
#include "store/file.h"
#include "store/h5.h"
#include "store/tensors.h"
#include "store/writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status writer_run_id(struct store *store, int64_t run, char **run_id)
{
    if (run < 0 || run >= store->runs)
        FAIL(STATUS_INTERNAL, "there is no run %lld", (long long)run);
    char *text = NULL;
    hid_t type = h5_text_type();
    enum status status = STATUS_OK;
    if (h5_read_part(store->run_id, type, 1, &(hsize_t){(hsize_t)run}, &(hsize_t){1}, &text) < 0)
        status = h5_read_failure(store->path, LAYOUT_RUN_ID);
    else
        *run_id = memory_text(text ? text : "");
    H5free_memory(text);
    h5_close(&type);
    return status;
}

static enum status write_cell(struct store *store, hid_t dataset, hid_t type, int64_t run, const void *value)
{
    if (h5_write_part(dataset, type, 1, &(hsize_t){(hsize_t)run}, &(hsize_t){1}, value) < 0)
        return h5_write_failure(store->path, "results");
    return STATUS_OK;
}

static enum status write_chars(struct store *store, hid_t dataset, int64_t run, const char *chars, int length)
{
    if (h5_write_part(dataset, H5T_C_S1, 2, (hsize_t[2]){(hsize_t)run, 0}, (hsize_t[2]){1, (hsize_t)length},
                      chars) < 0)
        return h5_write_failure(store->path, "results");
    return STATUS_OK;
}

static enum status sync_results(struct store *store)
{
    return file_sync(store->fd, store->path, "results");
}

// ---- rank 0: the [run] columns ----

enum status store_write_status(struct store *store, int64_t run, enum run_status status)
{
    TRY(write_cell(store, store->status, H5T_NATIVE_UINT8, run, &(uint8_t){(uint8_t)status}));
    return sync_results(store);
}

// The eight bytes of an outcome in the file.
static uint64_t outcome_bits(const struct writer_outcome *outcome, double value)
{
    uint64_t bits;
    if (outcome->integer)
        bits = isnan(value) ? 0 : (uint64_t)(int64_t)value;
    else
        memcpy(&bits, &value, sizeof bits);
    return bits;
}

static enum status write_outcome(struct store *store, int64_t run, const struct writer_outcome *outcome,
                                 uint64_t bits)
{
    return write_cell(store, outcome->dataset, outcome->integer ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE, run,
                      &bits);
}

enum status store_write_outcome(struct store *store, int64_t run, const char *name, double value)
{
    for (int i = 0; i < store->outcome_count; i++)
        if (strcmp(store->outcomes[i].name, name) == 0)
            return write_outcome(store, run, &store->outcomes[i], outcome_bits(&store->outcomes[i], value));
    FAIL(STATUS_INTERNAL, "%s has no outcome `%s`", store->path, name);
}

// Copies text into an array of zeros; what is too long is cut between two characters, not within one.
static void fill_chars(char *chars, size_t size, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length >= size)
        for (length = size - 1; length > 0 && (text[length] & 0xc0) == 0x80;)
            length--;
    if (length)
        memcpy(chars, text, length);
}

enum status store_write_row(struct store *store, int64_t run, enum run_status run_status,
                            const double *outcomes, struct store_sums sums, const char *message,
                            const char *arithmetic)
{
    enum status status = STATUS_OK;
    char *run_id = NULL, message_chars[STORE_MESSAGE_LENGTH] = {0},
         arithmetic_chars[STORE_ARITHMETIC_LENGTH] = {0};
    uint64_t *bits = memory_small((size_t)store->outcome_count * sizeof *bits);
    fill_chars(message_chars, sizeof message_chars, message);
    fill_chars(arithmetic_chars, sizeof arithmetic_chars, arithmetic);
    TRY_DONE(writer_run_id(store, run, &run_id));
    for (int i = 0; i < store->outcome_count; i++) {
        bits[i] = outcome_bits(&store->outcomes[i], outcomes[i]);
        TRY_DONE(write_outcome(store, run, &store->outcomes[i], bits[i]));
    }
    TRY_DONE(write_chars(store, store->message, run, message_chars, STORE_MESSAGE_LENGTH));
    TRY_DONE(write_chars(store, store->arithmetic, run, arithmetic_chars, STORE_ARITHMETIC_LENGTH));
    TRY_DONE(write_cell(store, store->curve_checksum, H5T_NATIVE_INT64, run, &sums.curve));
    TRY_DONE(write_cell(store, store->model_checksum, H5T_NATIVE_INT64, run, &sums.model));
    TRY_DONE(sync_results(store));
    int64_t sum = checksum_row(run_id, (uint8_t)run_status, bits, store->outcome_count, message_chars,
                               arithmetic_chars);
    TRY_DONE(write_cell(store, store->row_checksum, H5T_NATIVE_INT64, run, &sum));
    TRY_DONE(sync_results(store));
    TRY_DONE(store_write_status(store, run, run_status));
done:
    free(bits);
    free(run_id);
    return status;
}

// ---- the leader of the run's group: curves and model ----

enum status store_write_curve_point(struct store *store, int64_t run, int64_t point, int64_t step,
                                    double loss, double r2, double seconds)
{
    const double values[CURVES] = {
        [CURVE_STEP] = (double)step, [CURVE_LOSS] = loss, [CURVE_R2] = r2, [CURVE_SECONDS] = seconds};
    if (point < 0 || point >= store->points)
        FAIL(STATUS_INTERNAL, "a curve of %lld points has no point %lld", (long long)store->points,
             (long long)point);
    for (int i = 0; i < CURVES; i++)
        if (h5_write_part(store->curves[i], H5T_NATIVE_DOUBLE, 2, (hsize_t[2]){(hsize_t)run, (hsize_t)point},
                          (hsize_t[2]){1, 1}, &values[i]) < 0)
            return h5_write_failure(store->path, "a curve");
    return STATUS_OK;
}

enum status writer_curve_crc(struct store *store, int64_t run, int64_t points, uint32_t *crc)
{
    enum status status = STATUS_OK;
    *crc = 0;
    if (points < 0 || points > store->points)
        FAIL(STATUS_RESULTS, "%s is damaged: a checkpoint counts %lld points of a curve that has %lld",
             store->path, (long long)points, (long long)store->points);
    double *values = memory_small((size_t)points * sizeof *values);
    for (int i = 0; i < CURVES && points > 0; i++) {
        TRY_DONE(h5_read_bytes(store->curves[i], store->fd, store->path, layout_curves[i].name,
                               (size_t)(run * store->points) * sizeof *values, values,
                               (size_t)points * sizeof *values));
        *crc = hash_crc32(*crc, values, (size_t)points * sizeof *values);
    }
done:
    free(values);
    return status;
}

static enum status write_tensor(struct store *store, hid_t group, const char *name, const float *values,
                                size_t *count)
{
    enum status status = STATUS_OK;
    hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT), space = 0;
    if (dataset < 0)
        TRY_DONE(h5_read_failure(store->path, name));
    space = H5Dget_space(dataset);
    *count = (size_t)H5Sget_simple_extent_npoints(space);
    if (H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        TRY_DONE(h5_write_failure(store->path, "a model"));
done:
    h5_close(&space);
    h5_close(&dataset);
    return status;
}

enum status writer_model(struct store *store, int64_t run, hid_t *group, struct h5_names *names)
{
    char *run_id = NULL;
    *names = (struct h5_names){0};
    *group = 0;
    TRY(writer_run_id(store, run, &run_id));
    enum status status = tensors_open(store->file, store->path, run, run_id, group, names);
    free(run_id);
    return status;
}

static enum status write_tensors(struct store *store, int64_t run, const float *parameters, int64_t *sum)
{
    enum status status = STATUS_OK;
    struct h5_names names;
    hid_t group;
    size_t offset = 0, count;
    TRY_DONE(writer_model(store, run, &group, &names));
    for (int i = 0; i < names.count; i++) {
        TRY_DONE(write_tensor(store, group, names.name[i], parameters + offset, &count));
        offset += count;
    }
    *sum = hash_crc32(0, parameters, offset * sizeof *parameters);
done:
    h5_names_free(&names);
    h5_close(&group);
    return status;
}

enum status store_write_model(struct store *store, int64_t run, const float *parameters,
                              struct store_sums *sums)
{
    *sums = (struct store_sums){.curve = CHECKSUM_NONE, .model = CHECKSUM_NONE};
    if (parameters)
        TRY(write_tensors(store, run, parameters, &sums->model));
    TRY(sync_results(store));
    uint32_t crc;
    TRY(writer_curve_crc(store, run, store->points, &crc));
    sums->curve = crc;
    return STATUS_OK;
}
