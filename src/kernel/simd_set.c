#include "kernel/simd_set.h"

static bool is_available(enum simd_set set)
{
    switch (set) {
    case SIMD_SET_PLAIN:
        return true;
#if defined(__x86_64__)
    case SIMD_SET_AVX2:
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case SIMD_SET_AVX512:
        return is_available(SIMD_SET_AVX2) && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
#elif defined(__aarch64__)
    case SIMD_SET_NEON:
        return true; // every aarch64 processor has NEON
#endif
    default:
        return false;
    }
}

static enum simd_set widest(void)
{
    enum simd_set set = SIMD_SETS - 1;
    while (!is_available(set))
        set--;
    return set;
}

static int chosen = -1;

enum simd_set simd_set_current(void)
{
    if (chosen < 0)
        chosen = (int)widest();
    return (enum simd_set)chosen;
}

bool simd_set_use(enum simd_set set)
{
    if (!is_available(set))
        return false;
    chosen = (int)set;
    return true;
}

const char *simd_set_name(enum simd_set set)
{
    static const char *const name[SIMD_SETS] = {[SIMD_SET_PLAIN] = "plain C",
                                                [SIMD_SET_NEON] = "NEON",
                                                [SIMD_SET_AVX2] = "AVX2",
                                                [SIMD_SET_AVX512] = "AVX-512"};
    return name[set];
}
