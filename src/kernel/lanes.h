/* Vectors in portable C, and functions compiled for several processors.
 *
 * A `float_lanes` is sixteen floats that the compiler maps to whatever vectors the processor has (one AVX-512 register,
 * two AVX, four SSE or NEON). Rows of activations are padded to whole lanes, so loops over them have no tail. Each
 * lane is one element of a row: vectors never change in which order an element's sum is taken. */
#ifndef KERNEL_LANES_H
#define KERNEL_LANES_H

#include <stdint.h>

enum { LANES = 16 };

typedef float float_lanes __attribute__((vector_size(64), aligned(64)));
typedef int32_t int_lanes __attribute__((vector_size(64), aligned(64)));

/* Length in floats of a padded row of `width` numbers. */
static inline int lanes_stride(int width)
{
    return (width + LANES - 1) / LANES * LANES;
}

/* One clone for each level of x86-64; the loader picks once, by the processor. Sanitizers cannot run that early. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

#endif
