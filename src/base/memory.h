/* Memory allocation: aligned buffers whose failure is a status, and small objects whose failure ends the
 * process. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/status.h"

#include <stddef.h>

/* Allocates `bytes` of zeroed memory, aligned to 64 bytes and rounded up to at least one cache line; the
 * caller frees it with memory_free. STATUS_MEMORY. */
enum status memory_alloc(size_t bytes, void **out);

/* Frees *memory, which may be NULL, and sets it to NULL. */
void memory_free(void **memory);

/* Allocators of small objects: calloc, realloc, strdup and asprintf that never return NULL. Out of memory
 * they print a message and end the process with STATUS_MACHINE. The caller frees with free(). */
void *memory_small(size_t bytes);
void *memory_grow(void *memory, size_t bytes);
char *memory_text(const char *text);
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
