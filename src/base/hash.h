/* A hash for identifiers and a checksum for data. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* 64-bit FNV-1a with MurmurHash3's finaliser, so that any 12 hex digits of it are well mixed. */
uint64_t hash_text(const char *text);

/* CRC-32 as in zlib and Python's zlib.crc32. Start with crc = 0 and pass consecutive parts of the data in
 * order. */
uint32_t hash_crc32(uint32_t crc, const void *bytes, size_t length);

#endif
