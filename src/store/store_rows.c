// Writes rows, curves and models at their offsets in the file. Rank 0 only.
#include "base/hash.h"
#include "base/memory.h"
#include "store/checksum.h"
#include "store/file.h"
#include "store/store_writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static off_t curve_offset(const struct store *store, int curve, int64_t run, int64_t point)
{
    return store->curves[curve] + (off_t)sizeof(double) * (run * store->common.points + point);
}

// CRC-32 of a run's curves as they are in the file.
static enum status sum_curves(const struct store *store, int64_t run, uint32_t *crc)
{
    *crc = 0;
    for (int i = 0; i < CURVES; i++) {
        off_t begin = curve_offset(store, i, run, 0), end = curve_offset(store, i, run + 1, 0);
        TRY(file_checksum(store->fd, store->path, layout_curves[i].name, begin, end, crc));
    }
    return STATUS_OK;
}

// ---- columns ----

static enum status write_cell(struct store *store, off_t column, int64_t run, const void *value, size_t size)
{
    return file_write(store->fd, store->path, "results", value, size, column + (off_t)size * run);
}

static enum status sync_results(struct store *store)
{
    return file_sync(store->fd, store->path, "results");
}

enum status store_write_status(struct store *store, int64_t run, enum run_state run_state)
{
    const uint8_t byte = (uint8_t)run_state;
    TRY(writer_check_run(store, run));
    TRY(write_cell(store, store->status, run, &byte, sizeof byte));
    return sync_results(store);
}

// Bits of an outcome in the file: of an int64 (NaN: 0) or a double.
static uint64_t outcome_bits(const struct writer_outcome *outcome, double value)
{
    uint64_t bits;
    if (outcome->integer)
        bits = isnan(value) ? 0 : (uint64_t)(int64_t)value;
    else
        memcpy(&bits, &value, sizeof bits);
    return bits;
}

enum status store_write_outcome(struct store *store, int64_t run, const char *name, double value)
{
    TRY(writer_check_run(store, run));
    for (int i = 0; i < store->outcome_count; i++) {
        const struct writer_outcome *outcome = &store->outcomes[i];
        const uint64_t bits = outcome_bits(outcome, value);
        if (strcmp(outcome->name, name) == 0)
            return write_cell(store, outcome->offset, run, &bits, sizeof bits);
    }
    FAIL(STATUS_INTERNAL, "%s has no outcome `%s`", store->path, name);
}

// Copies a text into an array of zeros. A text that is too long is truncated between two UTF-8 characters.
static void fill_chars(char *chars, size_t size, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (length >= size)
        for (length = size - 1; length > 0 && (text[length] & 0xc0) == 0x80;)
            length--;
    if (length)
        memcpy(chars, text, length);
}

enum status store_write_row(struct store *store, int64_t run, enum run_state run_state,
                            const double *outcomes, int64_t model_checksum, const char *message,
                            const char *arithmetic)
{
    enum status status = STATUS_OK;
    char message_chars[STORE_MESSAGE_LENGTH] = {0}, arithmetic_chars[STORE_ARITHMETIC_LENGTH] = {0};
    uint64_t *bits = memory_small((size_t)store->outcome_count * sizeof *bits);
    uint32_t crc;
    fill_chars(message_chars, sizeof message_chars, message);
    fill_chars(arithmetic_chars, sizeof arithmetic_chars, arithmetic);
    TRY_DONE(writer_check_run(store, run));
    for (int i = 0; i < store->outcome_count; i++) {
        bits[i] = outcome_bits(&store->outcomes[i], outcomes[i]);
        TRY_DONE(write_cell(store, store->outcomes[i].offset, run, &bits[i], sizeof bits[i]));
    }
    TRY_DONE(write_cell(store, store->message, run, message_chars, sizeof message_chars));
    TRY_DONE(write_cell(store, store->arithmetic, run, arithmetic_chars, sizeof arithmetic_chars));
    TRY_DONE(sum_curves(store, run, &crc));
    const int64_t curve_checksum = crc;
    TRY_DONE(write_cell(store, store->curve_checksum, run, &curve_checksum, sizeof curve_checksum));
    TRY_DONE(write_cell(store, store->model_checksum, run, &model_checksum, sizeof model_checksum));
    TRY_DONE(sync_results(store));
    const int64_t checksum = checksum_row(store->slots[run].run_id, (uint8_t)run_state, bits,
                                          store->outcome_count, message_chars, arithmetic_chars);
    TRY_DONE(write_cell(store, store->row_checksum, run, &checksum, sizeof checksum));
    TRY_DONE(sync_results(store));
    TRY_DONE(store_write_status(store, run, run_state));
done:
    free(bits);
    return status;
}

// ---- curves ----

enum status store_write_curve_point(struct store *store, int64_t run, int64_t point,
                                    const struct store_point *values)
{
    double value[CURVES];
    memcpy(value, values, sizeof value);
    TRY(writer_check_run(store, run));
    if (point < 0 || point >= store->common.points)
        FAIL(STATUS_INTERNAL, "a curve of %lld points has no point %lld", (long long)store->common.points,
             (long long)point);
    for (int i = 0; i < CURVES; i++)
        TRY(file_write(store->fd, store->path, "a curve", &value[i], sizeof value[i],
                       curve_offset(store, i, run, point)));
    return STATUS_OK;
}

enum status store_restore_curve(struct store *store, int64_t run)
{
    enum status status = STATUS_OK;
    struct newest_slot newest;
    TRY(writer_check_run(store, run));
    const struct slots *slots = &store->slots[run];
    TRY(slots_newest_whole(store->fd, store->path, slots, &newest));
    int64_t points = newest.slot < 0 ? 0 : newest.headers[newest.slot].points;
    if (points > store->common.points)
        FAIL(STATUS_RESULTS,
             "%s is damaged: a checkpoint of run %s counts %lld points of a curve that has %lld", store->path,
             slots->run_id, (long long)points, (long long)store->common.points);
    size_t length = (size_t)store->common.points * sizeof(double);
    double *curve = memory_small(CURVES * length), *values = memory_small(length); // curve [points, CURVES]
    if (points > 0)
        TRY_DONE(slots_curve(store->fd, store->path, slots, &newest, (struct store_point *)curve));
    for (int i = 0; i < CURVES; i++) {
        for (int64_t point = 0; point < store->common.points; point++)
            values[point] = point < points ? curve[point * CURVES + i] : (double)NAN;
        TRY_DONE(
            file_write(store->fd, store->path, "a curve", values, length, curve_offset(store, i, run, 0)));
    }
    TRY_DONE(sync_results(store));
done:
    free(values);
    free(curve);
    return status;
}

// ---- models ----

enum status store_write_model(struct store *store, int64_t run, const float *parameters, int64_t *checksum)
{
    const char *next = (const char *)parameters;
    uint32_t crc = 0;
    TRY(writer_check_run(store, run));
    for (int i = 0; i < store->models[run].tensors; i++) {
        size_t length = store->models[run].tensor[i].length;
        TRY(file_write(store->fd, store->path, "a model", next, length, store->models[run].tensor[i].offset));
        crc = hash_crc32(crc, next, length);
        next += length;
    }
    *checksum = crc;
    return STATUS_OK;
}
