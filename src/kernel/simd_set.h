/* The SIMD instruction set of this process, and functions that are compiled once per set.
 *
 * CMake compiles each file of the list simd_sources once per instruction set, with its compiler flags and
 * with SIMD_AVX512, SIMD_AVX2, SIMD_NEON or SIMD_PLAIN defined. simd.h defines the vectors and the
 * suffix of the function names for such a file. All sets compute the same bits, so the choice is a matter of
 * speed alone. */
#ifndef KERNEL_SIMD_SET_H
#define KERNEL_SIMD_SET_H

#include <stdbool.h>

enum simd_set {
    SIMD_SET_PLAIN, // C without intrinsics: any processor
    SIMD_SET_NEON,
    SIMD_SET_AVX2, // with FMA
    SIMD_SET_AVX512,
    SIMD_SETS
};

/* Declares the function `f` of a file in simd_sources for every instruction set of this architecture, from
 * the type of its result and its parameters. A macro of the same name, SIMD_CHOOSE(f), lets callers write
 * f(...). */
#if defined(__x86_64__)
#define SIMD_FUNCTION(type, f, ...)                                                                          \
    type f##_plain(__VA_ARGS__);                                                                             \
    type f##_avx2(__VA_ARGS__);                                                                              \
    type f##_avx512(__VA_ARGS__)
#define SIMD_CHOOSE(f)                                                                                       \
    (simd_set_current() == SIMD_SET_AVX512 ? f##_avx512                                                      \
     : simd_set_current() == SIMD_SET_AVX2 ? f##_avx2                                                        \
                                           : f##_plain)
#elif defined(__aarch64__)
#define SIMD_FUNCTION(type, f, ...)                                                                          \
    type f##_plain(__VA_ARGS__);                                                                             \
    type f##_neon(__VA_ARGS__)
#define SIMD_CHOOSE(f) (simd_set_current() == SIMD_SET_NEON ? f##_neon : f##_plain)
#else
#define SIMD_FUNCTION(type, f, ...) type f##_plain(__VA_ARGS__)
#define SIMD_CHOOSE(f)              f##_plain
#endif

/* Instruction set in use: the widest that the processor has, unless simd_set_use chose another. */
enum simd_set simd_set_current(void);

/* For tests: use `set` from now on. False, without effect, if the processor or this build does not have
 * it. */
bool simd_set_use(enum simd_set set);

/* "AVX-512", "AVX2", "NEON", or "plain C" */
const char *simd_set_name(enum simd_set set);

#endif
