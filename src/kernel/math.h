/* Elementary functions of one double: the same bits on every processor and with every compiler and C
 * library.
 *
 * The functions use additions, multiplications and divisions in fixed order, and libm's functions only where
 * IEEE 754 fixes the result (fma). The largest errors that tests/unit/test_math.c finds are stated in units
 * in the last place. Vectors of floats: simd_math.h. */
#ifndef KERNEL_MATH_H
#define KERNEL_MATH_H

#include <stdint.h>

/* e^x. Error below 1 ulp; where the result is subnormal, at most 1 step of 2^-1074. */
double math_exp(double x);

/* Natural logarithm; -infinity at 0, NaN below. Error below 1 ulp. */
double math_log(double x);

/* For |x| up to 2^20; NaN beyond. Error below 1 ulp. */
double math_sin(double x);
double math_cos(double x);

/* Error below 1.5 ulp. */
double math_tanh(double x);

/* Error function. Error below 1.5 ulp. */
double math_erf(double x);

/* x^n. Error below 1 ulp where the result is a normal number. */
double math_power(double x, uint64_t n);

#endif
