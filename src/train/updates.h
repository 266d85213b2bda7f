/* Loops of the optimizers over vectors of parameters. */
#ifndef TRAIN_UPDATES_H
#define TRAIN_UPDATES_H

#include "kernel/simd_set.h"

#include <stddef.h>

/* m += (1 - beta1) (g - m); v = beta2 v + (1 - beta2) g^2; p -= rate m / (sqrt(v) / root_correction +
 * epsilon). p, g, m, v [count] */
SIMD_FUNCTION(void, updates_adam, float *p, const float *g, float *m, float *v, size_t count, float rate,
              float root_correction);
#define updates_adam SIMD_CHOOSE(updates_adam)

/* to = a x + b y; `to` may be x or y. */
SIMD_FUNCTION(void, updates_combine, float *to, float a, const float *x, float b, const float *y,
              size_t count);
#define updates_combine SIMD_CHOOSE(updates_combine)

/* to = a x; `to` may be x. */
SIMD_FUNCTION(void, updates_scale, float *to, float a, const float *x, size_t count);
#define updates_scale SIMD_CHOOSE(updates_scale)

/* Adam's beta1 and beta2. */
static const double updates_beta1 = 0.9, updates_beta2 = 0.999;

#endif
