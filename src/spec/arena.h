/* Places the buffers of a workspace one after the other in one block of memory.
 *
 * A workspace is planned twice by the same function: with `memory` NULL to find its size, then with the
 * allocated block to set the pointers to its buffers. */
#ifndef SPEC_ARENA_H
#define SPEC_ARENA_H

#include "spec/buffer_sizes.h"

struct arena {
    float *memory; // NULL: only the size is computed; all buffers are NULL
    size_t floats; // length of the buffers so far
};

/* Returns a buffer [rows, columns] in `precision`, followed by padding to a whole vector. */
static inline void *arena_elements(struct arena *arena, size_t rows, size_t columns, enum precision precision)
{
    float *buffer = arena->memory ? arena->memory + arena->floats : NULL;
    size_t floats = (rows * columns * precision_bytes(precision) + sizeof(float) - 1) / sizeof(float);
    arena->floats += (floats + LANES - 1) / LANES * LANES;
    return buffer;
}

/* Returns a buffer [rows, columns] of floats or other elements of four bytes. */
static inline void *arena_floats(struct arena *arena, size_t rows, size_t columns)
{
    return arena_elements(arena, rows, columns, PRECISION_FP32);
}

#endif
