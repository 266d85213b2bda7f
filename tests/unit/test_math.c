// Our elementary functions against long double: their largest error in units in the last place, and the same
// bits with every instruction set that this processor has.
#include "kernel/math.h"
#include "simd_arrays.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- errors ----

// Distance from the exact value in units of the last place of a number of `digits` bits, of at least
// 2^`smallest`.
static double ulps(long double got, long double exact, int digits, int smallest)
{
    if (got == exact || (isnan(got) && isnan(exact)))
        return 0;
    int exponent;
    frexpl(exact, &exponent);
    int last = exponent - digits > smallest ? exponent - digits : smallest;
    return (double)fabsl(ldexpl(got - exact, -last));
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

// sin(2 pi t), exact at multiples of a quarter.
static long double sine_of_turns(long double t)
{
    long double quarters = rintl(4 * t), angle = 2 * acosl(-1) * (t - quarters / 4);
    int quarter = (int)quarters & 3;
    long double sine = quarter & 1 ? cosl(angle) : sinl(angle);
    return quarter & 2 ? -sine : sine;
}

static long double cosine_of_turns(long double t)
{
    return sine_of_turns(t + 0.25L);
}

struct function {
    const char *name;
    long double (*exact)(long double);
    double largest_error; // as the header says
    double first, last;   // tested on (first, last) and on the negative numbers if `both`
    bool both;
};

static const struct function floats[SIMD_FUNCTIONS] = {
    [SIMD_EXP] = {"exp", expl, 1, 0x1p-30, 88.7, true},
    [SIMD_LOG] = {"log", logl, 1, 0x1p-149, 0x1.fp127, false},
    [SIMD_SINE] = {"sine", sine_of_turns, 1, 0x1p-30, 1.5, true},
    [SIMD_COSINE] = {"cosine", cosine_of_turns, 1, 0x1p-30, 1.5, true},
    [SIMD_TANH] = {"tanh", tanhl, 1.5, 0x1p-60, 20, true},
    [SIMD_ERF] = {"erf", erfl, 1.5, 0x1p-60, 8, true},
    [SIMD_SQRT] = {"sqrt", sqrtl, 0.5, 0x1p-149, 0x1.fp127, false},
};

enum { CHUNK = 1024 };

// Every STEP-th float between the limits.
static double worst_of_floats(enum simd_function f, uint32_t step, float *worst_x)
{
    const struct function *function = &floats[f];
    double worst = 0;
    uint32_t last = bits_of((float)function->last);
    for (uint32_t bits = bits_of((float)function->first); bits < last;) {
        float x[CHUNK], y[CHUNK];
        for (int i = 0; i < CHUNK; i++, bits += step)
            x[i] = function->both && i % 2 ? -float_of(bits < last ? bits : last)
                                           : float_of(bits < last ? bits : last);
        simd_arrays(f, y, x, CHUNK);
        for (int i = 0; i < CHUNK; i++) {
            double error = ulps((long double)y[i], function->exact((long double)x[i]), 24, -149);
            if (!(error <= worst)) {
                worst = error;
                *worst_x = x[i];
            }
        }
    }
    return worst;
}

static void test_errors_of_floats(void **state)
{
    (void)state;
    for (int f = 0; f < SIMD_FUNCTIONS; f++) {
        float x = 0;
        double worst = worst_of_floats((enum simd_function)f, 1009, &x);
        print_message("%s of floats: %.3f ulp at %a\n", floats[f].name, worst, (double)x);
        assert_true(worst <= floats[f].largest_error);
    }
}

static const struct {
    const char *name;
    double (*function)(double);
    long double (*exact)(long double);
    double largest_error, first, last;
    bool both;
} doubles[] = {
    {"exp", math_exp, expl, 1, 0x1p-60, 709.7, true},
    {"log", math_log, logl, 1, 0x1p-1074, 0x1.fp1023, false},
    {"sin", math_sin, sinl, 1, 0x1p-60, 0x1p20, true},
    {"cos", math_cos, cosl, 1, 0x1p-60, 0x1p20, true},
    {"tanh", math_tanh, tanhl, 1.5, 0x1p-200, 30, true},
    {"erf", math_erf, erfl, 1.5, 0x1p-200, 8, true},
    {"log near 1", math_log, logl, 1, 0.5, 2, false},
    {"sin within two turns", math_sin, sinl, 1, 0.1, 13, true},
    {"tanh near 1/2", math_tanh, tanhl, 1.5, 0.1, 2, true},
    {"erf near 1", math_erf, erfl, 1.5, 0.1, 4, true},
    {"cos within two turns", math_cos, cosl, 1, 0.1, 13, true},
};

// Numbers whose logarithms are evenly spread.
static void test_errors_of_doubles(void **state)
{
    (void)state;
    enum { POINTS = 200003 };
    for (size_t f = 0; f < sizeof doubles / sizeof *doubles; f++) {
        int64_t first, last;
        memcpy(&first, &doubles[f].first, sizeof first);
        memcpy(&last, &doubles[f].last, sizeof last);
        double worst = 0, worst_x = 0;
        for (int64_t i = 0; i < POINTS; i++) {
            int64_t bits = first + (last - first) / POINTS * i + i * i;
            double x;
            memcpy(&x, &bits, sizeof x);
            if (doubles[f].both && i % 2)
                x = -x;
            double error =
                ulps((long double)doubles[f].function(x), doubles[f].exact((long double)x), 53, -1074);
            if (!(error <= worst)) {
                worst = error;
                worst_x = x;
            }
        }
        print_message("%s of doubles: %.3f ulp at %a\n", doubles[f].name, worst, worst_x);
        assert_true(worst <= doubles[f].largest_error);
    }
}

static void test_power(void **state)
{
    (void)state;
    static const double base[] = {0.9, 0.95, 0.999, 0.9999, 1.0000001, 2, -1.5, 0};
    double worst = 0;
    for (size_t b = 0; b < sizeof base / sizeof *base; b++)
        for (uint64_t n = 0; n < 100000; n += n < 100 ? 1 : 97) {
            long double exact = powl((long double)base[b], (long double)n);
            double power = math_power(base[b], n), error = ulps((long double)power, exact, 53, -1074);
            if (fabsl(exact) > (long double)DBL_MAX)
                assert_true(isinf(power) && (power < 0) == (exact < 0));
            else if (fabsl(exact) >= (long double)DBL_MIN || exact == 0)
                worst = error > worst ? error : worst;
            else
                assert_true(fabs(power) < 2 * DBL_MIN);
        }
    print_message("power: %.3f ulp\n", worst);
    assert_true(worst <= 1);
}

// ---- special values ----

static bool same(float a, float b)
{
    return (isnan(a) && isnan(b)) || bits_of(a) == bits_of(b);
}

static void test_special_values(void **state)
{
    (void)state;
    static const struct {
        enum simd_function function;
        float x, y;
    } known[] = {
        {SIMD_EXP, 0, 1},
        {SIMD_EXP, INFINITY, INFINITY},
        {SIMD_EXP, -INFINITY, 0},
        {SIMD_EXP, 1e30f, INFINITY},
        {SIMD_EXP, -1e30f, 0},
        {SIMD_LOG, 1, 0},
        {SIMD_LOG, 0, -INFINITY},
        {SIMD_LOG, -0.0f, -INFINITY},
        {SIMD_LOG, -1, NAN},
        {SIMD_LOG, -INFINITY, NAN},
        {SIMD_LOG, INFINITY, INFINITY},
        {SIMD_SINE, 0, 0},
        {SIMD_SINE, 0.5f, -0.0f},
        {SIMD_SINE, 0.25f, 1},
        {SIMD_COSINE, 0, 1},
        {SIMD_COSINE, 0.5f, -1},
        {SIMD_TANH, 0, 0},
        {SIMD_TANH, -0.0f, -0.0f},
        {SIMD_TANH, 100, 1},
        {SIMD_TANH, -INFINITY, -1},
        {SIMD_ERF, -0.0f, -0.0f},
        {SIMD_ERF, 100, 1},
        {SIMD_ERF, -INFINITY, -1},
        {SIMD_SQRT, -0.0f, -0.0f},
        {SIMD_EXP, NAN, NAN},
        {SIMD_LOG, NAN, NAN},
        {SIMD_LOG, -NAN, NAN},
        {SIMD_SINE, NAN, NAN},
        {SIMD_COSINE, NAN, NAN},
        {SIMD_TANH, NAN, NAN},
        {SIMD_ERF, -NAN, NAN},
        {SIMD_SQRT, NAN, NAN},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        float x[16] = {known[i].x}, y[16];
        simd_arrays(known[i].function, y, x, 16);
        if (!same(y[0], known[i].y))
            fail_msg("%s(%g) is %g, not %g", floats[known[i].function].name, (double)x[0], (double)y[0],
                     (double)known[i].y);
    }
    assert_true(math_exp(1000) == INFINITY && math_exp(-1000) == 0 && isnan(math_exp(NAN)));
    assert_true(math_log(0) == -INFINITY && isnan(math_log(-1)) && math_log(INFINITY) == INFINITY);
    assert_true(isnan(math_sin(0x1p21)) && isnan(math_cos(INFINITY)) && isnan(math_cos(NAN)));
    assert_true(math_tanh(INFINITY) == 1 && math_tanh(-1000) == -1 && isnan(math_tanh(NAN)));
    assert_true(signbit(math_tanh(-0.0)) && signbit(math_erf(-0.0)));
    assert_true(math_erf(INFINITY) == 1 && math_erf(-10) == -1 && isnan(math_erf(NAN)));
}

// ---- the same bits ----

static void test_same_bits_with_every_set(void **state)
{
    (void)state;
    enum { SIZE = 1 << 16 };
    float *x = malloc(SIZE * sizeof *x), *want = malloc(SIZE * sizeof *x), *got = malloc(SIZE * sizeof *x);
    for (uint32_t i = 0; i < SIZE; i++)
        x[i] = float_of(i * 65521); // of all sizes and signs
    enum simd_set first = simd_set_current();
    for (int f = 0; f < SIMD_FUNCTIONS; f++) {
        assert_true(simd_set_use(first));
        simd_arrays((enum simd_function)f, want, x, SIZE);
        for (int set = 0; set < SIMD_SETS; set++)
            if (simd_set_use((enum simd_set)set)) {
                simd_arrays((enum simd_function)f, got, x, SIZE);
                for (int i = 0; i < SIZE; i++)
                    if (!same(got[i], want[i]))
                        fail_msg("%s(%a) differs with %s", floats[f].name, (double)x[i],
                                 simd_set_name((enum simd_set)set));
            }
    }
    assert_true(simd_set_use(first));
    free(x);
    free(want);
    free(got);
}

static uint32_t random_state = 1;

static uint32_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static float from_1_to_2(void)
{
    return float_of(0x3f800000 | (random_bits() & 0x7fffff));
}

// Also where an emulation would go wrong: cancellation, results just above or below the middle of two floats,
// and subnormal results.
static void test_fma_rounds_once(void **state)
{
    (void)state;
    enum { SIZE = 1 << 16 };
    float(*v)[SIZE] = malloc(4 * sizeof *v);
    for (int i = 0; i < SIZE; i++) {
        v[0][i] = float_of(random_bits());
        v[1][i] = float_of(random_bits());
        v[2][i] = float_of(random_bits());
        if (i % 4 == 1)
            v[2][i] = -v[0][i] * v[1][i];
        else if (i % 4 == 2) {
            // Half a unit in the last place of v[2], more or less step^2 of it.
            float step = ldexpf((float)(random_bits() % 8), -14 - (int)(random_bits() % 7));
            v[0][i] = ldexpf(1 + step, -12);
            v[1][i] = ldexpf(random_bits() & 1 ? 1 - step : step - 1, -12);
            v[2][i] = from_1_to_2() * (random_bits() & 1 ? 1.0f : -1.0f);
        } else if (i % 4 == 3) {
            v[0][i] = ldexpf(from_1_to_2(), -70);
            v[1][i] = ldexpf(from_1_to_2(), -70 - (int)(random_bits() % 12));
            v[2][i] = float_of(random_bits() & 0x807fffff);
        }
    }
    enum simd_set first = simd_set_current();
    for (int set = 0; set < SIMD_SETS; set++)
        if (simd_set_use((enum simd_set)set)) {
            simd_arrays_fma(v[3], v[0], v[1], v[2], SIZE);
            for (int i = 0; i < SIZE; i++)
                if (!same(v[3][i], fmaf(v[0][i], v[1][i], v[2][i])))
                    fail_msg("fma(%a, %a, %a) is %a with %s", (double)v[0][i], (double)v[1][i],
                             (double)v[2][i], (double)v[3][i], simd_set_name((enum simd_set)set));
        }
    assert_true(simd_set_use(first));
    free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_of_floats),
        cmocka_unit_test(test_errors_of_doubles),
        cmocka_unit_test(test_power),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_same_bits_with_every_set),
        cmocka_unit_test(test_fma_rounds_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
