/* The checksums that writer and readers share. All are CRC-32 (zlib's), stored as int64. */
#ifndef STORE_CHECKSUM_H
#define STORE_CHECKSUM_H

#include "store/store.h"

/* Extends `crc` by a text (NULL: an empty one) and its terminating zero, so that "ab", "c" and "a", "bc"
 * differ. */
uint32_t checksum_text(uint32_t crc, const char *text);

/* Checksum of the row of a finished run. outcomes [count]: the eight bytes of each value, int64 or float64,
 * in the file's order. message [STORE_MESSAGE_LENGTH], arithmetic [STORE_ARITHMETIC_LENGTH]: padded with
 * zeros. */
int64_t checksum_row(const char *run_id, uint8_t status, const uint64_t *outcomes, int count,
                     const char *message, const char *arithmetic);

/* Checksum of schema version 1 over everything known at creation: texts of the root and settings. */
int64_t checksum_attributes(const struct store_view *view);

#endif
