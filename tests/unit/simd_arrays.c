/* Functions of simd.h and simd_math.h over arrays, compiled once per instruction set. */
#include "simd_arrays.h"

#include "kernel/simd_math.h"

SIMD_INLINE simd_float sine_of_turns(simd_float t)
{
    simd_float sine, cosine;
    simd_sincos_turns(t, &sine, &cosine);
    return sine;
}

SIMD_INLINE simd_float cosine_of_turns(simd_float t)
{
    simd_float sine, cosine;
    simd_sincos_turns(t, &sine, &cosine);
    return cosine;
}

#define DEFINE(name, function)                                                                               \
    static void name##_array(float *y, const float *x, size_t count)                                         \
    {                                                                                                        \
        for (size_t i = 0; i < count; i += SIMD_FLOATS)                                                      \
            simd_store(y + i, function(simd_load(x + i)));                                                   \
    }
DEFINE(exp, simd_exp)
DEFINE(log, simd_log)
DEFINE(sine, sine_of_turns)
DEFINE(cosine, cosine_of_turns)
DEFINE(tanh, simd_tanh)
DEFINE(erf, simd_erf)
DEFINE(sqrt, simd_sqrt)

simd_array *SIMD_NAME(simd_arrays_of)(enum simd_function function)
{
    static simd_array *const arrays[SIMD_FUNCTIONS] = {
        [SIMD_EXP] = exp_array,       [SIMD_LOG] = log_array,   [SIMD_SINE] = sine_array,
        [SIMD_COSINE] = cosine_array, [SIMD_TANH] = tanh_array, [SIMD_ERF] = erf_array,
        [SIMD_SQRT] = sqrt_array};
    return arrays[function];
}

void SIMD_NAME(simd_arrays_fma)(float *y, const float *a, const float *b, const float *c, size_t count)
{
    for (size_t i = 0; i < count; i += SIMD_FLOATS)
        simd_store(y + i, simd_fma(simd_load(a + i), simd_load(b + i), simd_load(c + i)));
}
