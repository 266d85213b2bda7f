/* Vectors of floats with explicit fused multiply-adds. Intrinsics are used here and nowhere else.
 *
 * For files that are compiled once per instruction set (simd_set.h). A vector has SIMD_FLOATS floats: 16,
 * 8 or 4. Operators (+, *, <, <<, ...) are the compiler's and work element by element; a * b + c is never
 * contracted, since these files are compiled with -ffp-contract=off, and simd_fma is one rounding on every
 * processor. So an expression has the same bits with every instruction set, as long as no result depends
 * on SIMD_FLOATS: a vector is a run of columns, and a sum over columns has SIMD_SUMS partial sums. */
#ifndef KERNEL_SIMD_H
#define KERNEL_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(SIMD_AVX512)
#define SIMD_NAME(f) f##_avx512 // name of `f` for this instruction set
#define SIMD_FLOATS  16
#include <immintrin.h>
#elif defined(SIMD_AVX2)
#define SIMD_NAME(f) f##_avx2 // name of `f` for this instruction set
#define SIMD_FLOATS  8
#include <immintrin.h>
#elif defined(SIMD_NEON)
#define SIMD_NAME(f) f##_neon // name of `f` for this instruction set
#define SIMD_FLOATS  4
#include <arm_neon.h>
#elif defined(SIMD_PLAIN)
#define SIMD_NAME(f) f##_plain // name of `f` for this instruction set
#define SIMD_FLOATS  4
#else
#error "Define SIMD_AVX512, SIMD_AVX2, SIMD_NEON or SIMD_PLAIN; CMake's simd_sources does"
#endif

#define SIMD_INLINE static inline __attribute__((always_inline))

/* Before a loop of at most 16 rounds: unrolls it, so that arrays of vectors stay in registers. Not with a
 * sanitizer, whose checks in each round would make compiling take minutes. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIMD_SANITIZED
#endif
#endif
#if defined(SIMD_SANITIZED) || defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
#define SIMD_UNROLL
#elif defined(__clang__)
#define SIMD_UNROLL _Pragma("clang loop unroll(full)")
#else
#define SIMD_UNROLL _Pragma("GCC unroll 16")
#endif

enum { SIMD_SUMS = 16 };

typedef float simd_float __attribute__((vector_size(4 * SIMD_FLOATS)));
typedef int32_t simd_int __attribute__((vector_size(4 * SIMD_FLOATS)));
typedef uint32_t simd_word __attribute__((vector_size(4 * SIMD_FLOATS)));

/* simd_fma: a * b + c, rounded once. simd_broadcast: all elements are x. */
#if defined(SIMD_AVX512)
SIMD_INLINE simd_float simd_fma(simd_float a, simd_float b, simd_float c)
{
    return (simd_float)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

SIMD_INLINE simd_float simd_broadcast(float x)
{
    return (simd_float)_mm512_set1_ps(x);
}

SIMD_INLINE simd_float simd_sqrt(simd_float x)
{
    return (simd_float)_mm512_sqrt_ps((__m512)x);
}
#elif defined(SIMD_AVX2)
SIMD_INLINE simd_float simd_fma(simd_float a, simd_float b, simd_float c)
{
    return (simd_float)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

SIMD_INLINE simd_float simd_broadcast(float x)
{
    return (simd_float)_mm256_set1_ps(x);
}

SIMD_INLINE simd_float simd_sqrt(simd_float x)
{
    return (simd_float)_mm256_sqrt_ps((__m256)x);
}
#elif defined(SIMD_NEON)
SIMD_INLINE simd_float simd_fma(simd_float a, simd_float b, simd_float c)
{
    return (simd_float)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}

SIMD_INLINE simd_float simd_broadcast(float x)
{
    return (simd_float)vdupq_n_f32(x);
}

SIMD_INLINE simd_float simd_sqrt(simd_float x)
{
    return (simd_float)vsqrtq_f32((float32x4_t)x);
}
#else
typedef double simd_wide __attribute__((vector_size(32)));
typedef int64_t simd_wide_int __attribute__((vector_size(32)));

/* Without the instruction. The product is exact in double; the sum is rounded to odd (Boldo and Melquiond,
 * "When double rounding is odd", 2005): if it is not exact, its last bit is set, and then rounding it to
 * float is as if the exact sum was rounded. */
SIMD_INLINE simd_float simd_fma(simd_float a, simd_float b, simd_float c)
{
    simd_wide product = __builtin_convertvector(a, simd_wide) * __builtin_convertvector(b, simd_wide);
    simd_wide addend = __builtin_convertvector(c, simd_wide);
    simd_wide sum = product + addend, part = sum - product;
    simd_wide error =
        (product - (sum - part)) + (addend - part); // exact (Knuth); NaN if the sum is not finite
    simd_wide_int bits = (simd_wide_int)sum, below = (error < 0) ^ (sum < 0);
    simd_wide_int moves = ((error < 0) | (error > 0)) & ((bits & 1) - 1); // inexact and even
    bits += moves & (below | 1); // towards the exact value: -1 is down in size, 1 is up
    return __builtin_convertvector((simd_wide)bits, simd_float);
}

SIMD_INLINE simd_float simd_broadcast(float x)
{
    return (simd_float){x, x, x, x};
}

SIMD_INLINE simd_float simd_sqrt(simd_float x)
{
    return (simd_float){__builtin_sqrtf(x[0]), __builtin_sqrtf(x[1]), __builtin_sqrtf(x[2]),
                        __builtin_sqrtf(x[3])};
}
#endif

/* Memory of any alignment. */
SIMD_INLINE simd_float simd_load(const float *from)
{
    simd_float value;
    memcpy(&value, from, sizeof value);
    return value;
}

SIMD_INLINE void simd_store(float *to, simd_float value)
{
    memcpy(to, &value, sizeof value);
}

/* yes where the mask has all bits, no where it has none. */
SIMD_INLINE simd_float simd_select(simd_int mask, simd_float yes, simd_float no)
{
    return (simd_float)((mask & (simd_int)yes) | (~mask & (simd_int)no));
}

/* x where it is not negative, else 0. -0 stays -0, NaN stays NaN: a run that has diverged must not look
 * valid. */
SIMD_INLINE simd_float simd_relu(simd_float x)
{
    return (simd_float)((simd_int)x & ~(simd_int)(x < 0));
}

/* sum[i] = the sum of the SIMD_SUMS elements of row i of part, pairwise: l and l + 8, then l and l + 4, 2, 1.
 * Overwrites part [16, SIMD_SUMS]. */
#if defined(SIMD_AVX512)
#ifdef __clang__
#define SIMD_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SIMD_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (simd_int){__VA_ARGS__})
#endif
SIMD_INLINE void simd_sum_rows(float sum[16], simd_float part[16][1])
{
    simd_float v[16];
    SIMD_UNROLL
    for (int i = 0; i < 8; i++)
        v[i] =
            SIMD_SHUFFLE(part[i][0], part[i + 8][0], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
            SIMD_SHUFFLE(part[i][0], part[i + 8][0], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30,
                         31);
    SIMD_UNROLL
    for (int i = 0; i < 4; i++)
        v[i] = SIMD_SHUFFLE(v[i], v[i + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
               SIMD_SHUFFLE(v[i], v[i + 4], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    SIMD_UNROLL
    for (int i = 0; i < 2; i++)
        v[i] = SIMD_SHUFFLE(v[i], v[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
               SIMD_SHUFFLE(v[i], v[i + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    simd_store(sum, SIMD_SHUFFLE(v[0], v[1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
                        SIMD_SHUFFLE(v[0], v[1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31));
}
#else
SIMD_INLINE void simd_sum_rows(float sum[16], simd_float part[16][SIMD_SUMS / SIMD_FLOATS])
{
    for (int i = 0; i < 16; i++) {
        float element[SIMD_SUMS];
        memcpy(element, part[i], sizeof element);
        for (int parts = SIMD_SUMS / 2; parts > 0; parts /= 2)
            for (int l = 0; l < parts; l++)
                element[l] += element[l + parts];
        sum[i] = element[0];
    }
}
#endif

#endif
