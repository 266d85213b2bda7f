#include "store/checkpoint.h"

#include "base/hash.h"
#include "base/memory.h"
#include "store/file.h"
#include "store/h5.h"
#include "store/layout.h"
#include "store/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t slot_bytes(size_t payload)
{
    return SLOT_BLOCK + (payload + SLOT_BLOCK - 1) / SLOT_BLOCK * SLOT_BLOCK;
}

enum status slots_locate(hid_t file, const char *path, int64_t run, const char *run_id, struct slots *slots)
{
    enum status status = STATUS_OK;
    hid_t space = 0;
    hsize_t shape[2] = {0};
    char name[96];
    snprintf(name, sizeof name, LAYOUT_CHECKPOINTS "/%s/" LAYOUT_SLOTS, run_id);
    slots->run = -1;
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0)
        TRY_DONE(h5_read_failure(path, name));
    space = H5Dget_space(dataset);
    if (space < 0 || H5Sget_simple_extent_ndims(space) != 2 ||
        H5Sget_simple_extent_dims(space, shape, NULL) != 2)
        FAIL_DONE(STATUS_RESULTS, "%s is damaged: `%s` has another shape than it should", path, name);
    TRY_DONE(h5_expect(dataset, path, name, 2, (hsize_t[2]){2, shape[1]}, H5T_INTEGER, 1));
    haddr_t offset = H5Dget_offset(dataset);
    if (shape[1] < SLOT_BLOCK || shape[1] % SLOT_BLOCK || offset % SLOT_BLOCK)
        FAIL_DONE(STATUS_RESULTS, "%s is damaged: `%s` is not made of whole blocks", path, name);
    *slots = (struct slots){.run = run, .offset = (off_t)offset, .stride = shape[1]};
    snprintf(slots->run_id, sizeof slots->run_id, "%s", run_id);
done:
    h5_close(&space);
    h5_close(&dataset);
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

static enum slot_state judge(const struct slots *slots, const struct slot_header *header)
{
    static const struct slot_header empty;
    if (memcmp(header, &empty, sizeof empty) == 0)
        return SLOT_EMPTY;
    bool sound = memcmp(header->magic, SLOT_MAGIC, sizeof header->magic) == 0 &&
                 header->header_crc == header_crc(header) && header->length <= slots->stride - SLOT_BLOCK;
    return sound ? SLOT_WRITTEN : SLOT_DAMAGED;
}

enum status slots_headers(int fd, const char *path, const struct slots *slots, struct slot_header headers[2],
                          enum slot_state states[2], int *newest)
{
    *newest = -1;
    for (int slot = 0; slot < 2; slot++) {
        TRY(file_read(fd, path, "a checkpoint", &headers[slot], sizeof headers[slot],
                      slot_offset(slots, slot)));
        states[slot] = judge(slots, &headers[slot]);
        if (states[slot] == SLOT_WRITTEN &&
            (*newest < 0 || headers[slot].sequence > headers[*newest].sequence))
            *newest = slot;
    }
    return STATUS_OK;
}

enum status slot_whole(int fd, const char *path, const struct slots *slots, int slot,
                       const struct slot_header *header, bool *whole)
{
    enum { PIECE = 1 << 20 };
    enum status status = STATUS_OK;
    unsigned char *piece = memory_small(PIECE);
    off_t offset = slot_offset(slots, slot) + SLOT_BLOCK;
    uint32_t crc = 0;
    for (uint64_t left = header->length; left > 0;) {
        size_t length = left < PIECE ? (size_t)left : PIECE;
        TRY_DONE(file_read(fd, path, "a checkpoint", piece, length, offset));
        crc = hash_crc32(crc, piece, length);
        offset += (off_t)length;
        left -= length;
    }
    *whole = crc == header->payload_crc;
done:
    free(piece);
    return status;
}

// ---- the writer's side ----

// The slots of the run, looked up once and kept while the same run goes on.
static enum status find_slots(struct store *store, int64_t run)
{
    if (store->slots.run == run)
        return STATUS_OK;
    char *run_id = NULL;
    TRY(writer_run_id(store, run, &run_id));
    enum status status = slots_locate(store->file, store->path, run, run_id, &store->slots);
    free(run_id);
    return status;
}

static size_t total_length(const struct store_segment *segments, int count)
{
    size_t length = 0;
    for (int i = 0; i < count; i++)
        length += segments[i].length;
    return length;
}

enum status store_write_checkpoint(struct store *store, int64_t run, int64_t step, int64_t points,
                                   const struct store_segment *segments, int count)
{
    static const char what[] = "a checkpoint";
    struct slot_header headers[2];
    enum slot_state states[2];
    int newest;
    TRY(find_slots(store, run));
    const struct slots *slots = &store->slots;
    size_t length = total_length(segments, count);
    if (length > slots->stride - SLOT_BLOCK)
        FAIL(STATUS_INTERNAL, "a checkpoint of %zu bytes does not fit its slot of %zu", length,
             slots->stride - SLOT_BLOCK);
    TRY(slots_headers(store->fd, store->path, slots, headers, states, &newest));
    int slot = newest == 0 ? 1 : 0;

    struct slot_header header = {.magic = SLOT_MAGIC, .step = step, .length = length, .points = points};
    TRY(writer_curve_crc(store, run, points, &header.curve_crc));
    header.sequence = newest < 0 ? 1 : headers[newest].sequence + 1;
    off_t offset = slot_offset(slots, slot) + SLOT_BLOCK;
    for (int i = 0; i < count; i++) {
        TRY(file_write(store->fd, store->path, what, segments[i].bytes, segments[i].length, offset));
        header.payload_crc = hash_crc32(header.payload_crc, segments[i].bytes, segments[i].length);
        offset += (off_t)segments[i].length;
    }
    TRY(file_sync(store->fd, store->path, what));
    header.header_crc = header_crc(&header);
    TRY(file_write(store->fd, store->path, what, &header, sizeof header, slot_offset(slots, slot)));
    return file_sync(store->fd, store->path, what);
}

static enum status read_payload(struct store *store, int slot, const struct slot_header *header,
                                const struct store_segment *segments, int count, bool *whole)
{
    off_t offset = slot_offset(&store->slots, slot) + SLOT_BLOCK;
    uint32_t crc = 0;
    for (int i = 0; i < count; i++) {
        TRY(file_read(store->fd, store->path, "a checkpoint", segments[i].bytes, segments[i].length, offset));
        crc = hash_crc32(crc, segments[i].bytes, segments[i].length);
        offset += (off_t)segments[i].length;
    }
    *whole = crc == header->payload_crc;
    return STATUS_OK;
}

// What was reached before the checkpoint must still be there: the run only adds to it, and sums it up at its end.
static enum status curve_whole(struct store *store, int64_t run, const struct slot_header *header,
                               bool *whole)
{
    uint32_t crc;
    TRY(writer_curve_crc(store, run, header->points, &crc));
    *whole = crc == header->curve_crc;
    return STATUS_OK;
}

// The next checkpoint goes to an empty slot first, never over the last whole one.
static enum status empty_slot(struct store *store, int slot)
{
    static const struct slot_header empty;
    TRY(file_write(store->fd, store->path, "a checkpoint", &empty, sizeof empty,
                   slot_offset(&store->slots, slot)));
    return file_sync(store->fd, store->path, "a checkpoint");
}

enum status store_read_checkpoint(struct store *store, int64_t run, int64_t *step,
                                  const struct store_segment *segments, int count, bool *found)
{
    *found = false;
    TRY(find_slots(store, run));
    size_t length = total_length(segments, count);
    for (;;) {
        struct slot_header headers[2];
        enum slot_state states[2];
        int newest;
        TRY(slots_headers(store->fd, store->path, &store->slots, headers, states, &newest));
        if (newest < 0)
            return STATUS_OK;
        if (headers[newest].length != length)
            FAIL(STATUS_RESULTS, "%s: the checkpoint of run %s holds %llu bytes, not %zu", store->path,
                 store->slots.run_id, (unsigned long long)headers[newest].length, length);
        TRY(read_payload(store, newest, &headers[newest], segments, count, found));
        if (*found)
            TRY(curve_whole(store, run, &headers[newest], found));
        *step = headers[newest].step;
        if (*found)
            return STATUS_OK;
        TRY(empty_slot(store, newest)); // damaged since it was written: back to the one before
    }
}
