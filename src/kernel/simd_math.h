/* Elementary functions of a vector of floats. They have no branches and give the same bits with every
 * instruction set.
 *
 * The largest errors that tests/unit/test_math.c finds are stated in units in the last place. The
 * polynomials are minimax fits whose coefficients were rounded to float one after the other. */
#ifndef KERNEL_SIMD_MATH_H
#define KERNEL_SIMD_MATH_H

#include "kernel/simd.h"

/* c[0] + c[1] x + ... + c[terms - 1] x^(terms - 1) */
SIMD_INLINE simd_float simd_polynomial(const float *c, const int terms, simd_float x)
{
    simd_float sum = simd_broadcast(c[terms - 1]);
    SIMD_UNROLL
    for (int i = terms - 2; i >= 0; i--)
        sum = simd_fma(sum, x, simd_broadcast(c[i]));
    return sum;
}
#define SIMD_POLYNOMIAL(c, x) simd_polynomial(c, (int)(sizeof(c) / sizeof *(c)), x)

SIMD_INLINE simd_float simd_abs(simd_float x)
{
    return (simd_float)((simd_int)x & 0x7fffffff);
}

SIMD_INLINE simd_float simd_copysign(simd_float size, simd_float sign)
{
    return (simd_float)((simd_int)size | ((simd_int)sign & (int32_t)0x80000000));
}

/* e^x. Error below 1 ulp; where the result is subnormal, at most 1 step of 2^-149. */
SIMD_INLINE simd_float simd_exp(simd_float x)
{
    static const float q[] = {0x1p-1f,        0x1.555554p-3f,  0x1.5554e6p-5f,
                              0x1.1112fcp-7f, 0x1.6d4f1ap-10f, 0x1.9e24a8p-13f};
    const simd_float shift =
        simd_broadcast(0x1.8p23f); // added, it leaves the nearest integer in the low bits
    x = simd_select(x < -104, simd_broadcast(-104), x); // 0 already; NaN passes
    x = simd_select(x > 89, simd_broadcast(89), x);     // infinite already
    simd_float shifted = simd_fma(x, simd_broadcast(0x1.715476p+0f), shift);
    simd_int n = (simd_int)shifted - (simd_int)shift;
    simd_float count = shifted - shift;
    simd_float r = simd_fma(count, simd_broadcast(-0x1.62e43p-1f), x); // x - n ln 2, in two parts
    r = simd_fma(count, simd_broadcast(0x1.05c61p-29f), r);
    simd_float y = 1 + simd_fma(SIMD_POLYNOMIAL(q, r), r * r, r);
    simd_int half = n >> 1; // 2^n may be out of range, so y is multiplied by two factors of it
    return y * (simd_float)((simd_word)(half + 127) << 23) * (simd_float)((simd_word)(n - half + 127) << 23);
}

/* Natural logarithm; -infinity at 0, NaN below. Error below 1 ulp. */
SIMD_INLINE simd_float simd_log(simd_float x)
{
    static const float q[] = {0x1.555548p-2f, -0x1.000008p-2f, 0x1.99a47ap-3f,
                              -0x1.555b9p-3f, 0x1.233abcp-3f,  -0x1.fc3d24p-4f,
                              0x1.e6e004p-4f, -0x1.dda206p-4f, 0x1.13c232p-4f};
    const uint32_t root_half = 0x3f3504f3;
    const int32_t infinity = 0x7f800000;
    simd_int subnormal = (simd_int)(x < 0x1p-126f);
    simd_word bits = (simd_word)simd_select(subnormal, x * 0x1p23f, x);
    simd_int exponent = (simd_int)(bits - root_half) >> 23;
    simd_float f =
        (simd_float)(bits - ((simd_word)exponent << 23)) - 1; // of a number from sqrt(1/2) to sqrt(2)
    simd_float e = __builtin_convertvector(exponent - (subnormal & 23), simd_float);
    simd_float square = f * f;
    simd_float y = SIMD_POLYNOMIAL(q, f) * f * square;
    y = simd_fma(e, simd_broadcast(-0x1.05c61p-29f), y);
    y = simd_fma(simd_broadcast(-0.5f), square, y);
    y = simd_fma(e, simd_broadcast(0x1.62e43p-1f), f + y);
    y = simd_select((simd_int)(((simd_int)x & 0x7fffffff) >= infinity), x, y); // infinity and NaN
    y = (simd_float)((simd_int)y | (simd_int)(x < 0));
    return simd_select((simd_int)(x == 0), (simd_float)((simd_int){0} + (int32_t)0xff800000), y);
}

/* sin and cos of 2 pi t, for |t| up to 2^21. Error below 1 ulp. */
SIMD_INLINE void simd_sincos_turns(simd_float t, simd_float *sine, simd_float *cosine)
{
    static const float s[] = {-0x1.4abbcep+5f, 0x1.466b78p+6f, -0x1.32adbap+6f, 0x1.4442ccp+5f};
    static const float c[] = {-0x1.3bd3ccp+4f, 0x1.03c192p+6f, -0x1.558c86p+6f, 0x1.b795bap+5f,
                              0x1.c2d878p+6f};
    const simd_float shift = simd_broadcast(0x1.8p23f);
    simd_float shifted = 4 * t + shift;
    simd_int quarter = (simd_int)shifted;
    simd_float r = simd_fma(shifted - shift, simd_broadcast(-0.25f), t), z = r * r; // exact; at most 1/8
    simd_float rest =
        simd_fma(SIMD_POLYNOMIAL(s, z), z, simd_broadcast(-0x1.777a5cp-23f)); // 2 pi is no float
    simd_float sin_r = simd_fma(r, simd_broadcast(0x1.921fb6p+2f), r * rest);
    simd_float cos_r = simd_fma(SIMD_POLYNOMIAL(c, z), z, simd_broadcast(1));
    simd_int odd = -(quarter & 1);
    simd_word sine_sign = ((simd_word)quarter & 2) << 30, cosine_sign = (((simd_word)quarter + 1) & 2) << 30;
    *sine = (simd_float)((simd_word)simd_select(odd, cos_r, sin_r) ^ sine_sign);
    *cosine = (simd_float)((simd_word)simd_select(odd, sin_r, cos_r) ^ cosine_sign);
}

/* Error below 1.5 ulp. */
SIMD_INLINE simd_float simd_tanh(simd_float x)
{
    static const float q[] = {-0x1.555554p-2f, 0x1.11107ap-3f,  -0x1.b9f19p-5f,
                              0x1.63a618p-6f,  -0x1.0c64eap-7f, 0x1.1a4658p-9f};
    simd_float size = simd_abs(x), z = x * x;
    simd_float small = simd_fma(SIMD_POLYNOMIAL(q, z) * z, x, x);
    simd_float large = 1 - 2 / (simd_exp(2 * size) + 1);
    return simd_copysign(simd_select((simd_int)(size < 0.625f), small, large), x);
}

/* Error function. Error below 1.5 ulp. */
SIMD_INLINE simd_float simd_erf(simd_float x)
{
    static const float q[] = {0x1.06eba8p-3f, -0x1.81274p-2f,   0x1.ce2d64p-4f, -0x1.b8011cp-6f,
                              0x1.544a46p-8f, -0x1.a60c82p-11f, 0x1.4f715ep-14f};
    static const float p[] = {0x1.20e8c6p+0f, 0x1.45709ep-1f,   0x1.af28e2p-4f,   -0x1.738258p-6f,
                              0x1.8024cep-9f, -0x1.a1ecdcp-15f, -0x1.7df7cap-15f, 0x1.4b2244p-18f};
    simd_float size = simd_abs(x);
    simd_float small = simd_fma(SIMD_POLYNOMIAL(q, x * x), x, x);
    simd_float t = simd_select(size > 3.95f, simd_broadcast(3.95f), size); // 1 from there on; NaN passes
    simd_float large = 1 - simd_exp(-t * SIMD_POLYNOMIAL(p, t));           // p(t) t is -log(1 - erf(t))
    return simd_select((simd_int)(size < 0.9275f), small, simd_copysign(large, x));
}

#endif
