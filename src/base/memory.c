#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20 };

// Requests huge pages for large buffers: fewer TLB misses, and no accidental conflicts between the buffers of
// a tile in the second-level cache. A step is some per cent shorter.
static void *alloc_aligned(size_t size)
{
    void *memory = NULL;
    if (size >= HUGE_PAGE / 2)
        size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    if (posix_memalign(&memory, size < HUGE_PAGE ? CACHE_LINE : HUGE_PAGE, size) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (size >= HUGE_PAGE)
        madvise(memory, size, MADV_HUGEPAGE); // on failure the buffer has ordinary pages
#endif
    return memory;
}

enum status memory_alloc(size_t bytes, void **out)
{
    *out = NULL;
    if (bytes > SIZE_MAX - HUGE_PAGE) // rounding up would overflow
        FAIL(STATUS_MEMORY, "no memory for %zu bytes, more than the address space; use a smaller batch",
             bytes);
    size_t size = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    if (size == 0)
        size = CACHE_LINE;
    void *memory = alloc_aligned(size);
    if (!memory)
        FAIL(STATUS_MEMORY, "no memory for %.1f MiB; use more ranks or nodes, or a smaller batch",
             (double)size / (1 << 20));
    memset(memory, 0, size);
    *out = memory;
    return STATUS_OK;
}

void memory_free(void **memory)
{
    free(*memory);
    *memory = NULL;
}

static void *or_die(void *memory)
{
    if (memory)
        return memory;
    static const char text[] = "weightsweep: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(STATUS_MACHINE);
}

void *memory_small(size_t bytes)
{
    return or_die(calloc(1, bytes ? bytes : 1));
}

void *memory_grow(void *memory, size_t bytes)
{
    return or_die(realloc(memory, bytes ? bytes : 1));
}

char *memory_text(const char *text)
{
    return or_die(strdup(text));
}

char *memory_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return or_die(text);
}
