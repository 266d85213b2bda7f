#include "kernel/math.h"

#include <float.h>
#include <math.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "double expressions are rounded to double");

// The polynomials are minimax fits whose coefficients were rounded to double one after the other.
#define POLYNOMIAL(c, x) polynomial(c, (int)(sizeof(c) / sizeof *(c)), x)

static double polynomial(const double *c, int terms, double x)
{
    double sum = c[terms - 1];
    for (int i = terms - 2; i >= 0; i--)
        sum = sum * x + c[i];
    return sum;
}

static int64_t bits_of(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double of_bits(int64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// 2^n for a normal result
static double power_of_two(int64_t n)
{
    return of_bits((n + 1023) * (INT64_C(1) << 52));
}

static const double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33; // the high part has 33 bits

double math_exp(double x)
{
    static const double q[] = {0x1p-1,
                               0x1.555555555555bp-3,
                               0x1.5555555555539p-5,
                               0x1.111111110edaap-7,
                               0x1.6c16c16c2353ep-10,
                               0x1.a01a01b319570p-13,
                               0x1.a01a01645da10p-16,
                               0x1.71ddf0ecd5da0p-19,
                               0x1.27e567fed5fddp-22,
                               0x1.af6ac1ba1dcacp-26,
                               0x1.1e9e2decaf721p-29};
    if (isnan(x))
        return x;
    if (x > 710)
        return INFINITY;
    if (x < -746)
        return 0;
    double count = rint(x * 0x1.71547652b82fep+0);
    double high = x - count * ln2_high, low = count * ln2_low, r = high - low;
    double y = 1 + (high + (r * r * POLYNOMIAL(q, r) - low));
    int64_t n = (int64_t)count, half = n / 2; // 2^n may be no double, its two factors are
    return y * power_of_two(half) * power_of_two(n - half);
}

double math_log(double x)
{
    static const double p[] = {0x1.5555555555555p-1, 0x1.9999999999d11p-2, 0x1.2492492439810p-2,
                               0x1.c71c724b63613p-3, 0x1.745ce1ca5def3p-3, 0x1.3b202429952e9p-3,
                               0x1.0f674d2983d4bp-3, 0x1.0f0d77c781d5ap-3};
    const int64_t root_half = INT64_C(0x3fe6a09e667f3bcd);
    if (isnan(x) || x == INFINITY)
        return x;
    if (x == 0)
        return -INFINITY;
    if (x < 0)
        return NAN;
    int64_t shift = x < DBL_MIN ? 54 : 0, bits = bits_of(x * power_of_two(shift));
    int64_t above = bits - root_half,
            exponent = (above - (above & ((INT64_C(1) << 52) - 1))) / (INT64_C(1) << 52);
    double f = of_bits(bits - exponent * (INT64_C(1) << 52)) - 1; // of a number from sqrt(1/2) to sqrt(2)
    double e = (double)(exponent - shift);
    double s = f / (2 + f), z = s * s,
           half_square = 0.5 * f * f; // log(1 + f) = 2 atanh(s) = f - f^2 / 2 + s (f^2 / 2 + z p(z))
    return e * ln2_high - ((half_square - (s * (half_square + z * POLYNOMIAL(p, z)) + e * ln2_low)) - f);
}

// x = quarter * pi / 2 + high + low; false if x is out of range.
static int reduce(double x, double *high, double *low, int64_t *quarter)
{
    const double part[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34,
                           0x1.3198a2e037073p-69}; // pi / 2; the first two have 33 bits
    if (!(fabs(x) <= 0x1p20))
        return 0;
    double count = rint(x * 0x1.45f306dc9c883p-1);
    double first = x - count * part[0], second = count * part[1];
    double y = first - second, part_of_second = first - y;
    double error = (first - (y + part_of_second)) + (part_of_second - second); // exact (Knuth)
    double rest = count * part[2] - error;
    *high = y - rest;
    *low = (y - *high) - rest;
    *quarter = (int64_t)count;
    return 1;
}

// sin or cos of x + low for |x| up to pi / 4
static double sin_of(double x, double low)
{
    static const double s[] = {-0x1.5555555555555p-3, 0x1.1111111111068p-7,   -0x1.a01a019ffe035p-13,
                               0x1.71de3a331c256p-19, -0x1.ae642b797d03ap-26, 0x1.6109202b61a1fp-33,
                               -0x1.9fa76a9846ad5p-41};
    double z = x * x;
    return x + (x * z * POLYNOMIAL(s, z) + low * (1 - 0.5 * z));
}

static double cos_of(double x, double low)
{
    static const double c[] = {0x1.5555555555555p-5,   -0x1.6c16c16c16b2bp-10, 0x1.a01a019ffb8e6p-16,
                               -0x1.27e4fb5884c74p-22, 0x1.1eed6d6702262p-29,  -0x1.9371b4d8187cdp-37,
                               0x1.9c6c7f379317ep-45};
    double z = x * x, half = 0.5 * z, y = 1 - half;
    return y + (((1 - y) - half) + (z * z * POLYNOMIAL(c, z) - x * low));
}

// sin of x plus `quarters` quarter turns
static double sine(double x, int64_t quarters)
{
    double high, low;
    int64_t quarter;
    if (!reduce(x, &high, &low, &quarter))
        return NAN;
    quarter += quarters;
    double y = quarter & 1 ? cos_of(high, low) : sin_of(high, low);
    return quarter & 2 ? -y : y;
}

double math_sin(double x)
{
    return sine(x, 0);
}

double math_cos(double x)
{
    return sine(x, 1);
}

double math_tanh(double x)
{
    static const double q[] = {-0x1.5555555555555p-2,  0x1.1111111111083p-3,   -0x1.ba1ba1ba1145bp-5,
                               0x1.664f487fb47e2p-6,   -0x1.226e34d6f666dp-7,  0x1.d6d3b2c1600f5p-9,
                               -0x1.7da1246f48239p-10, 0x1.353a8c5f09311p-11,  -0x1.f361cd84c8822p-13,
                               0x1.894c5b28f9238p-14,  -0x1.1273c072e1c9ep-15, 0x1.eab18c2a467adp-18};
    double size = fabs(x), z = x * x;
    return copysign(size < 0.55 ? size + size * z * POLYNOMIAL(q, z) : 1 - 2 / (math_exp(2 * size) + 1), x);
}

double math_erf(double x)
{
    static const double q[] = {0x1.06eba8214db69p-3,   -0x1.812746b037a21p-2,  0x1.ce2f21a045477p-4,
                               -0x1.b82ce3133d641p-6,  0x1.565bcd289d1c3p-8,   -0x1.c02db880fa974p-11,
                               0x1.f9a3a4d8a5098p-14,  -0x1.f4db68bc7061dp-17, 0x1.ba559b502d626p-20,
                               -0x1.62ee4c0a39745p-23, 0x1.0fc867a98d25bp-26,  -0x1.b089bff3e697dp-30,
                               0x1.210a477a0430fp-33};
    static const double p[] = {0x1.20dd743261cebp+0,   0x1.45f314b592e4ep-1,   0x1.a4f352e4c9ecdp-4,
                               -0x1.395b110d77ca0p-6,  -0x1.b9d3d15643c65p-13, 0x1.bb3c929056502p-10,
                               -0x1.2c57d720d295fp-11, -0x1.3e72cc6b31c6dp-19, 0x1.9411d11c861a3p-14,
                               -0x1.d983591e3170ep-15, 0x1.5808b84b44b6ep-16,  -0x1.6c7a18afd6d16p-18,
                               0x1.243cb114848f2p-20,  -0x1.62080c4fcb15ep-23, 0x1.3b800d8e122a1p-26,
                               -0x1.87247e878effdp-30, 0x1.2d87684b77bf4p-34,  -0x1.b360850a17dadp-40};
    double size = fabs(x);
    if (size < 1)
        return x + x * POLYNOMIAL(q, x * x);
    if (size > 6)
        return copysign(1, x);
    return copysign(1 - math_exp(-size * POLYNOMIAL(p, size)), x); // p(t) t is -log(1 - erf(t)); NaN passes
}

// Value high + low with twice the precision of a double: |low| is at most half an ulp of high.
struct two {
    double high, low;
};

static struct two product(struct two a, struct two b)
{
    double high = a.high * b.high;
    if (!isfinite(high))
        return (struct two){high, 0};
    double low = fma(a.high, b.high, -high) + (a.high * b.low + a.low * b.high);
    double sum = high + low;
    return (struct two){sum, low - (sum - high)};
}

double math_power(double x, uint64_t n)
{
    struct two power = {1, 0}, square = {x, 0};
    for (; n > 0; n >>= 1) {
        if (n & 1)
            power = product(power, square);
        square = product(square, square);
    }
    return power.high;
}
