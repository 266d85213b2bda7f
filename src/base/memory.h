/* Memory for numbers: aligned to a cache line, never NULL without a recorded failure. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/status.h"

#include <stddef.h>

/* *out gets `bytes` (rounded up to a cache line, at least one) of zeroed memory, aligned to 64 bytes; the
 * caller frees it with memory_free. STATUS_MEMORY if it cannot be had. */
enum status memory_alloc(size_t bytes, void **out);

/* Frees and nulls; NULL is fine. */
void memory_free(void **memory);

/* malloc-like for strings and small structures: these end the process with a sentence when memory is
 * exhausted, since a program that cannot get a few bytes cannot report anything either. The caller frees with
 * free(). */
void *memory_small(size_t bytes);
void *memory_grow(void *memory, size_t bytes);
char *memory_text(const char *text);
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
