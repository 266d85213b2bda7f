#include "kernel/numerics.h"

#include "kernel/gemm.h"
#include "kernel/lanes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || __FINITE_MATH_ONLY__
#error "-ffast-math reorders sums and drops NaN: results would depend on the machine. Build without it."
#endif

static const char *instruction_set(void)
{
#if VECTOR_CLONES == 2
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4"))
        return lanes_has_bf16() ? "x86-64-v4 avx512_bf16" : "x86-64-v4";
    if (__builtin_cpu_supports("x86-64-v3"))
        return "x86-64-v3";
#elif VECTOR_CLONES == 1
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        return "avx512f";
    if (__builtin_cpu_supports("avx2"))
        return "avx2 without fma";
#endif
#if defined(__AVX512F__)
    return "avx512f by compiler flag";
#elif defined(__AVX2__) && defined(__FMA__)
    return "avx2 by compiler flag";
#elif defined(__ARM_NEON)
    return "neon";
#else
    return "baseline";
#endif
}

const char *numerics_name(void)
{
    static char name[256];
    if (!name[0])
        snprintf(name, sizeof name, "weightsweep %s, fp32 %s, bf16 %s, loops %s, L2 %ld KiB, %s %s", VERSION,
                 gemm_name(PRECISION_FP32), gemm_name(PRECISION_BF16), instruction_set(),
                 sysconf(_SC_LEVEL2_CACHE_SIZE) >> 10, COMPILER, BUILD_TYPE);
    return name;
}

const char *numerics_processor(void)
{
    static char name[128];
    if (name[0])
        return name;
    FILE *info = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (info && fgets(line, sizeof line, info)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(name, sizeof name, "%.*s", (int)sizeof name - 1, colon + 2);
            break;
        }
    }
    if (info)
        fclose(info);
    if (!name[0]) {
        struct utsname machine;
        uname(&machine);
        snprintf(name, sizeof name, "%s", machine.machine);
    }
    return name;
}

const char *numerics_forced_kernel(void)
{
    return getenv("OPENBLAS_CORETYPE");
}
