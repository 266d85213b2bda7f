#include "store/checkpoint.h"

#include "base/hash.h"
#include "base/memory.h"
#include "store/file.h"
#include "store/store_writer.h"
#include "store/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t slot_bytes(size_t payload)
{
    return SLOT_BLOCK + (payload + SLOT_BLOCK - 1) / SLOT_BLOCK * SLOT_BLOCK;
}

enum status slots_locate(const struct store_view *view, int64_t run, struct slots *slots)
{
    enum status status = STATUS_OK;
    hsize_t shape[H5S_MAX_RANK] = {0};
    char *name = memory_format(LAYOUT_CHECKPOINTS "/%s/" LAYOUT_SLOTS, view_run_id(view, run));
    hid_t dataset = H5Dopen2(view->file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
    H5Sget_simple_extent_dims(space, shape, NULL);
    const struct h5_array array = {name, H5T_INTEGER, 1, 2, {2, shape[1]}};
    TRY_DONE(h5_array_check(dataset, view->path, &array));
    if (shape[1] < SLOT_BLOCK || shape[1] % SLOT_BLOCK)
        FAIL_DONE(STATUS_RESULTS, "%s is damaged: the length of `%s` is not a multiple of %d bytes",
                  view->path, name, SLOT_BLOCK);
    haddr_t offset = H5Dget_offset(dataset); // HADDR_UNDEF (chunked) is not a multiple either
    *slots = (struct slots){.run = run, .stride = shape[1]};
    slots->offset = offset % SLOT_BLOCK ? -1 : (off_t)offset;
    snprintf(slots->run_id, sizeof slots->run_id, "%s", view_run_id(view, run));
done:
    h5_close(&space);
    h5_close(&dataset);
    free(name);
    return status;
}

static off_t slot_offset(const struct slots *slots, int slot)
{
    return slots->offset + (off_t)slots->stride * slot;
}

static uint32_t header_crc(const struct slot_header *header)
{
    return hash_crc32(0, header, offsetof(struct slot_header, header_crc));
}

static bool has_magic(const struct slot_header *header)
{
    return memcmp(header->magic, SLOT_MAGIC, sizeof header->magic) == 0 &&
           header->header_crc == header_crc(header);
}

static enum slot_state header_state(const struct slots *slots, const struct slot_header *header)
{
    static const struct slot_header empty;
    if (memcmp(header, &empty, sizeof empty) == 0)
        return SLOT_EMPTY;
    bool valid = has_magic(header) && header->length <= slots->stride - SLOT_BLOCK && header->points >= 0 &&
                 (uint64_t)header->points <= header->length / sizeof(struct store_point);
    return valid ? SLOT_WRITTEN : SLOT_DAMAGED_HEADER;
}

static enum status read_header(int fd, const char *path, const struct slots *slots, int slot,
                               struct newest_slot *newest)
{
    struct slot_header *header = &newest->headers[slot];
    TRY(file_read(fd, path, "a checkpoint", header, sizeof *header, slot_offset(slots, slot)));
    if (has_magic(header) && header->version != SLOT_VERSION)
        FAIL(STATUS_RESULTS,
             "%s: a checkpoint of run %s has version %c; this program reads version %c. Continue the file "
             "with the weightsweep that wrote it (attribute `versions`)",
             path, slots->run_id, header->version, SLOT_VERSION);
    newest->states[slot] = header_state(slots, header);
    if (newest->states[slot] == SLOT_WRITTEN && header->sequence > newest->sequence)
        newest->sequence = header->sequence;
    return STATUS_OK;
}

static bool is_written(const struct newest_slot *newest, int slot)
{
    return newest->states[slot] == SLOT_WRITTEN;
}

enum status slots_newest_whole(int fd, const char *path, const struct slots *slots,
                               struct newest_slot *newest)
{
    *newest = (struct newest_slot){.slot = -1};
    for (int slot = 0; slot < 2; slot++)
        TRY(read_header(fd, path, slots, slot, newest));
    int slot = is_written(newest, 1) &&
                       (!is_written(newest, 0) || newest->headers[1].sequence > newest->headers[0].sequence)
                   ? 1
                   : 0;
    for (int i = 0; i < 2; i++, slot = 1 - slot) {
        const struct slot_header *header = &newest->headers[slot];
        off_t payload = slot_offset(slots, slot) + SLOT_BLOCK;
        uint32_t crc = 0;
        if (!is_written(newest, slot))
            continue;
        TRY(file_checksum(fd, path, "a checkpoint", payload, payload + (off_t)header->length, &crc));
        if (crc == header->payload_crc) {
            newest->slot = slot;
            break;
        }
        newest->states[slot] = SLOT_DAMAGED_PAYLOAD;
    }
    return STATUS_OK;
}

enum status slots_curve(int fd, const char *path, const struct slots *slots, const struct newest_slot *newest,
                        struct store_point *curve)
{
    const struct slot_header *header = &newest->headers[newest->slot];
    size_t length = (size_t)header->points * sizeof *curve;
    return file_read(fd, path, "a checkpoint", curve, length,
                     slot_offset(slots, newest->slot) + SLOT_BLOCK + (off_t)(header->length - length));
}

enum status slot_empty(int fd, const char *path, const struct slots *slots, int slot)
{
    static const struct slot_header empty;
    TRY(file_write(fd, path, "a checkpoint", &empty, sizeof empty, slot_offset(slots, slot)));
    return file_sync(fd, path, "a checkpoint");
}

// ---- writing and reading the state of a run ----

static size_t total_length(const struct store_segment *segments, int count)
{
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += segments[i].length;
    return length;
}

enum status store_write_checkpoint(struct store *store, int64_t run, int64_t step,
                                   const struct store_segment *segments, int count,
                                   const struct store_point *curve, int64_t points)
{
    static const char what[] = "a checkpoint";
    TRY(writer_open_run(store, run));
    const struct slots *slots = &store->slots[run];
    const struct store_segment last = {(void *)(uintptr_t)curve, (size_t)points * sizeof *curve};
    struct slot_header header = {.magic = SLOT_MAGIC,
                                 .version = SLOT_VERSION,
                                 .sequence = store->newest.sequence + 1,
                                 .step = step,
                                 .length = total_length(segments, count) + last.length,
                                 .points = points};
    if (header.length > slots->stride - SLOT_BLOCK)
        FAIL(STATUS_INTERNAL, "a checkpoint of %llu bytes does not fit its slot of %zu",
             (unsigned long long)header.length, slots->stride - SLOT_BLOCK);
    int slot = store->newest.slot == 0 ? 1 : 0;
    off_t offset = slot_offset(slots, slot), end = offset + SLOT_BLOCK;
    for (int i = 0; i <= count; i++) {
        const struct store_segment *segment = i < count ? &segments[i] : &last;
        if (segment->length == 0)
            continue; // zlib returns 0 for NULL, whatever the CRC before
        TRY(file_write(store->run_fd, store->path, what, segment->bytes, segment->length, end));
        header.payload_crc = hash_crc32(header.payload_crc, segment->bytes, segment->length);
        end += (off_t)segment->length;
    }
    TRY(file_sync(store->run_fd, store->path, what));
    header.header_crc = header_crc(&header);
    TRY(file_write(store->run_fd, store->path, what, &header, sizeof header, offset));
    TRY(file_sync(store->run_fd, store->path, what));
    store->newest.slot = slot;
    store->newest.headers[slot] = header;
    store->newest.sequence = header.sequence;
    return STATUS_OK;
}

enum status store_read_checkpoint(struct store *store, int64_t run, int64_t *step,
                                  const struct store_segment *segments, int count, struct store_point *curve,
                                  bool *found)
{
    *found = false;
    store->open_run = -1;
    TRY(writer_open_run(store, run));
    const struct slots *slots = &store->slots[run];
    if (store->newest.slot < 0)
        return STATUS_OK;
    const struct slot_header *header = &store->newest.headers[store->newest.slot];
    size_t length = total_length(segments, count) + (size_t)header->points * sizeof *curve;
    if (header->length != length || header->points > store->common.points)
        FAIL(STATUS_RESULTS, "%s: the checkpoint of run %s holds %llu bytes; expected %zu", store->path,
             slots->run_id, (unsigned long long)header->length, length);
    off_t offset = slot_offset(slots, store->newest.slot) + SLOT_BLOCK;
    for (int i = 0; i < count; i++) {
        if (segments[i].bytes)
            TRY(file_read(store->run_fd, store->path, "a checkpoint", segments[i].bytes, segments[i].length,
                          offset));
        offset += (off_t)segments[i].length;
    }
    if (curve)
        TRY(slots_curve(store->run_fd, store->path, slots, &store->newest, curve));
    *step = header->step;
    *found = true;
    return STATUS_OK;
}
