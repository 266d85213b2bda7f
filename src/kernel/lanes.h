/* Vectors in portable C, and functions compiled for several processors.
 *
 * A `float_lanes` is sixteen floats, which the compiler maps to the vectors of the processor (one AVX-512
 * register, two AVX, four SSE or NEON). Rows of activations are padded to whole vectors, so loops over them
 * have no tail. Each lane is one element of a row: vectors do not change the order of an element's sum. */
#ifndef KERNEL_LANES_H
#define KERNEL_LANES_H

#include "base/precision.h"
#include "spec/buffer_sizes.h"

#include <stdbool.h>
#include <stdint.h>

typedef float float_lanes __attribute__((vector_size(64), aligned(64)));
typedef int32_t int_lanes __attribute__((vector_size(64), aligned(64)));
typedef uint32_t word_lanes __attribute__((vector_size(64), aligned(64)));
typedef uint16_t half_lanes __attribute__((vector_size(32), aligned(32)));

#define INLINE static inline __attribute__((always_inline))

/* Vector of lanes of a (indices 0 to 15) and b (16 to 31). */
#ifdef __clang__
#define lanes_shuffle(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define lanes_shuffle(a, b, ...) __builtin_shuffle(a, b, (int_lanes){__VA_ARGS__})
#endif

/* Rounds to bfloat16, to nearest, ties to even, in the high half of each word; the low halves are undefined.
 * NaN stays NaN: the processor's default NaN has no low bits that could carry. */
INLINE word_lanes lanes_round_high(float_lanes value)
{
    word_lanes bits = (word_lanes)value;
    return bits + 0x7fff + (bits >> 16 & 1);
}

INLINE half_lanes lanes_round(float_lanes value)
{
    return __builtin_convertvector(lanes_round_high(value) >> 16, half_lanes);
}

/* `value` rounded to `precision`, as fp32. */
INLINE float_lanes lanes_rounded(float_lanes value, const enum precision precision)
{
    return precision == PRECISION_FP32 ? value : (float_lanes)(lanes_round_high(value) & 0xffff0000);
}

/* Loads sixteen elements from column `at` of a row in `precision`, a constant after inlining. */
INLINE float_lanes lanes_load(const void *row, size_t at, const enum precision precision)
{
    if (precision == PRECISION_FP32)
        return *(const float_lanes *)((const float *)row + at);
    half_lanes half = *(const half_lanes *)((const uint16_t *)row + at);
    return (float_lanes)(__builtin_convertvector(half, word_lanes) << 16);
}

INLINE void lanes_store(void *row, size_t at, float_lanes value, const enum precision precision)
{
    if (precision == PRECISION_FP32)
        *(float_lanes *)((float *)row + at) = value;
    else
        *(half_lanes *)((uint16_t *)row + at) = lanes_round(value);
}

/* value where it is not negative, else 0. NaN passes: a run that has diverged must not look valid. */
INLINE float_lanes lanes_relu(float_lanes value)
{
    return (float_lanes)((int_lanes)value & ~(value < 0));
}

/* e^x with an error of about 2 ulp, for x up to 88; 0 if e^x is below the smallest normal number. NaN stays
 * NaN. Cephes' expf: x = n ln 2 + r, a polynomial of r, n into the exponent. */
INLINE float_lanes lanes_exp(float_lanes x)
{
    const float_lanes magic =
        (float_lanes){0} + 0x1.8p23f; // added and taken away again it rounds to an integer
    float_lanes n = x * 0x1.715476p0f + magic - magic;
    float_lanes r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float_lanes p =
        ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r +
         1.6666665459e-1f) *
            r +
        5.0000001201e-1f;
    int_lanes exponent = __builtin_convertvector(n, int_lanes) + 127;
    float_lanes value = (p * r * r + r + 1) * (float_lanes)(exponent << 23);
    return (float_lanes)((int_lanes)value & ~(x < -87));
}

INLINE float_lanes lanes_larger(float_lanes a, float_lanes b)
{
    int_lanes more = a > b;
    return (float_lanes)(((int_lanes)a & more) | ((int_lanes)b & ~more));
}

/* Mask: all bits in the first `count` lanes, none in the others. */
INLINE int_lanes lanes_before(int count)
{
    const int_lanes lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return lane < count;
}

/* Sum of the lanes, in all lanes. */
INLINE float_lanes lanes_total(float_lanes v)
{
    v += lanes_shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    v += lanes_shuffle(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    v += lanes_shuffle(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    return v + lanes_shuffle(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
}

/* Maximum of the lanes, in all lanes. */
INLINE float_lanes lanes_largest(float_lanes v)
{
    v = lanes_larger(v, lanes_shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    v = lanes_larger(v, lanes_shuffle(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    v = lanes_larger(v, lanes_shuffle(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
    return lanes_larger(v, lanes_shuffle(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
}

/* Number of bits set in each word. */
INLINE int_lanes lanes_count(word_lanes bits)
{
    bits -= bits >> 1 & 0x55555555;
    bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0f;
    return (int_lanes)(bits * 0x01010101 >> 24);
}

/* Lane i of the result is the sum of the lanes of v[i]. Overwrites v. */
INLINE float_lanes lane_sums(float_lanes v[LANES])
{
    for (int i = 0; i < 8; i++)
        v[i] = lanes_shuffle(v[i], v[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
               lanes_shuffle(v[i], v[i + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    for (int i = 0; i < 4; i++)
        v[i] = lanes_shuffle(v[i], v[i + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
               lanes_shuffle(v[i], v[i + 4], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    for (int i = 0; i < 2; i++)
        v[i] = lanes_shuffle(v[i], v[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
               lanes_shuffle(v[i], v[i + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    return lanes_shuffle(v[0], v[1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
           lanes_shuffle(v[0], v[1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
}

/* Adds lane_sums(v) to 16 floats in memory. Functions of CLONES call this one: clang does not let them return
 * vectors from a call. */
INLINE void lane_sums_add(float *to, float_lanes v[LANES])
{
    *(float_lanes *)to += lane_sums(v);
}

/* One clone of a function per level of x86-64; the loader chooses by the processor. CMakeLists.txt tests
 * which clones the compiler supports: VECTOR_CLONES is 2 for levels of x86-64, 1 for single features (gcc 11,
 * clang 14), else 0. Clones cannot use the instruction that rounds to bfloat16: functions of BF16_TARGET can,
 * and are called only if lanes_has_bf16(). */
#if VECTOR_CLONES == 2
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#elif VECTOR_CLONES == 1
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

#if VECTOR_CLONES == 2
#define BF16_TARGET __attribute__((target("arch=x86-64-v4,avx512bf16")))

INLINE bool lanes_has_bf16(void)
{
    return __builtin_cpu_supports("x86-64-v4") && __builtin_cpu_supports("avx512bf16");
}

/* Rounds two vectors to bfloat16 by that instruction: `low` in the first sixteen elements. The bits are those
 * of lanes_round, except that values below 2^-126 become 0. */
INLINE word_lanes lanes_round_two(float_lanes low, float_lanes high)
{
    word_lanes two;
    __asm__("vcvtne2ps2bf16 %2, %1, %0" : "=v"(two) : "v"(high), "v"(low));
    return two;
}
#else
#define BF16_TARGET

INLINE bool lanes_has_bf16(void)
{
    return false;
}

INLINE word_lanes lanes_round_two(float_lanes low, float_lanes high)
{
    union {
        half_lanes half[2];
        word_lanes two;
    } rounded = {.half = {lanes_round(low), lanes_round(high)}};
    return rounded.two;
}
#endif

#endif
