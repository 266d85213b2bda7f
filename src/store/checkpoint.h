/* The two checkpoint slots of a run.
 *
 * A slot is a header block of 4096 bytes and the payload, padded to whole blocks. A slot starts on a
 * 4 KiB boundary. The payload is the state of the run and the points of its curves. The writer overwrites the
 * older slot in the order payload, fdatasync, header, fdatasync. Hence, whenever the process is killed,
 *   - a header is either all zero (never written) or whole;
 *   - the slot with the newer header is whole; the other one may be torn. */
#ifndef STORE_CHECKPOINT_H
#define STORE_CHECKPOINT_H

#include "store/store.h"

#include <sys/types.h>

enum { SLOT_BLOCK = 4096 };

struct slot_header {
    char magic[6]; // SLOT_MAGIC
    char version;  // SLOT_VERSION: meaning of the other fields and of the payload
    char zero;
    uint64_t sequence; // 1, 2, 3, ... over both slots
    int64_t step;      // steps done
    uint64_t length;   // bytes of payload
    uint32_t payload_crc;
    uint32_t unused;
    int64_t points; // in the payload: the last `points` * sizeof(struct store_point) bytes of the payload
    uint8_t zeros[SLOT_BLOCK - 52];
    uint32_t header_crc; // of everything before it
};
_Static_assert(sizeof(struct slot_header) == SLOT_BLOCK, "a header is one block");

#define SLOT_MAGIC "WSSLOT"
enum { SLOT_VERSION = '2' }; // '1': up to 0.4.0, without the curves

/* Location of the slots of a run. */
struct slots {
    int64_t run; // -1: none
    char run_id[32];
    off_t offset;  // of slot 0 in the file; -1: not at a multiple of SLOT_BLOCK, another program rewrote the
                   // file
    size_t stride; // bytes of a slot: header, payload, padding
};

enum slot_state { SLOT_EMPTY, SLOT_WRITTEN, SLOT_DAMAGED_HEADER, SLOT_DAMAGED_PAYLOAD };

/* Bytes of a slot for a payload of this many bytes. */
size_t slot_bytes(size_t payload);

/* Finds the slots of a run. */
enum status slots_locate(const struct store_view *view, int64_t run, struct slots *slots);

/* Both slots of a run, and the newest whole one. */
struct newest_slot {
    int slot; // -1: none is whole
    struct slot_header headers[2];
    enum slot_state states[2]; // the payload of a slot older than the newest whole one is not checked
    uint64_t sequence;         // maximum over both slots
};
/* Reads both headers, and the payloads from the newest on until one matches its checksum. STATUS_RESULTS for
 * a slot of another version. */
enum status slots_newest_whole(int fd, const char *path, const struct slots *slots,
                               struct newest_slot *newest);

/* Reads the curve of the newest whole slot. curve [points of its header] */
enum status slots_curve(int fd, const char *path, const struct slots *slots, const struct newest_slot *newest,
                        struct store_point *curve);

/* Overwrites the header of a slot with zeros: the slot counts as never written. */
enum status slot_empty(int fd, const char *path, const struct slots *slots, int slot);

#endif
