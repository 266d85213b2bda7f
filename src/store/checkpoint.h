/* The two checkpoint slots of a run, on the file's bytes themselves.
 *
 * A slot is one header block of 4096 bytes and the payload, padded to whole blocks; it starts on a 4 KiB
 * boundary. The writer overwrites the older slot: data, fdatasync, header, fdatasync. Hence, whenever the
 * process is killed,
 *   - a header is either all zero (never written) or whole;
 *   - the slot with the newer header is whole; the other may be torn.
 * HDF5 and MPI-IO only offer collective flushes, so this goes through a POSIX descriptor on the same file, at
 * the place that HDF5 gave the dataset. */
#ifndef STORE_CHECKPOINT_H
#define STORE_CHECKPOINT_H

#include "base/status.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SLOT_BLOCK = 4096 };

struct slot_header {
    char magic[8];     // SLOT_MAGIC
    uint64_t sequence; // 1, 2, 3, ... over both slots
    int64_t step;      // steps done
    uint64_t length;   // bytes of payload
    uint32_t payload_crc;
    uint32_t curve_crc; // of the first `points` points of the run's curves
    int64_t points;
    uint8_t zeros[SLOT_BLOCK - 52];
    uint32_t header_crc; // of everything before it
};
_Static_assert(sizeof(struct slot_header) == SLOT_BLOCK, "a header is one block");

#define SLOT_MAGIC "WSSLOT1" // eight bytes with its zero

/* Where a run's slots are. */
struct slots {
    int64_t run; // -1: none
    char run_id[32];
    off_t offset;  // of slot 0 in the file
    size_t stride; // bytes of a slot: header, payload, padding
};

enum slot_state { SLOT_EMPTY, SLOT_WRITTEN, SLOT_DAMAGED };

/* Bytes of a slot with room for this payload. */
size_t slot_bytes(size_t payload);

/* Finds the slots of a run. `path` is for messages. */
enum status slots_locate(hid_t file, const char *path, int64_t run, const char *run_id, struct slots *slots);

/* Reads both headers. `newest` is the written slot with the higher sequence, or -1. */
enum status slots_headers(int fd, const char *path, const struct slots *slots, struct slot_header headers[2],
                          enum slot_state states[2], int *newest);

/* Whether the payload of this slot matches its header. */
enum status slot_whole(int fd, const char *path, const struct slots *slots, int slot,
                       const struct slot_header *header, bool *whole);

#endif
