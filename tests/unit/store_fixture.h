/* A small results file in a directory of its own, for the tests of the store. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "store/store.h"

enum { RUNS = 3, POINTS = 4, PARAMETERS = 6003, PAYLOAD = 10000 };
enum fixture_outcome { STEPS_DONE, LOSS, R2, OUTCOMES };

#define FIXTURE_SEED INT64_C(0x123456789abcdef) // of run 1; its bytes occur once in the file
extern const char *const fixture_ids[RUNS];

struct fixture {
    char directory[64];
    char path[80]; // the file, which does not exist yet
};

/* cmocka's setup and teardown: *state is a struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Calls store_create for the small file. */
enum status fixture_create(const char *path, const char *sweep);

/* Fails the test unless the call returns this status and its message contains the text. */
#define assert_status(call, expected) assert_int_equal((call), (expected))
void assert_message(const char *text);

/* Returns the offset of the first occurrence of the bytes in the file. Fails the test if there is none. */
long find_bytes(const char *path, const void *bytes, size_t length);
/* Flips the bits of `mask` in the byte at `offset`. */
void flip(const char *path, long offset, int mask);
/* CRC-32 of all bytes. */
uint32_t file_crc(const char *path);

#endif
