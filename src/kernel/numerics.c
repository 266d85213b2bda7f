#include "kernel/numerics.h"

#include "kernel/gemm.h"
#include "kernel/gemm_fp32.h"
#include "kernel/math.h"
#include "kernel/random.h"

#include <fenv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || __FINITE_MATH_ONLY__
#error "-ffast-math reorders sums and drops NaN: results would depend on the machine. Build without it."
#endif

const char *numerics_name(enum precision precision)
{
    static char name[2][192];
    if (gemm_library(precision) == GEMM_PORTABLE)
        return NUMERICS_PORTABLE;
    snprintf(name[precision], sizeof name[0], "%s, L2 %ld KiB, %s", gemm_name(precision),
             sysconf(_SC_LEVEL2_CACHE_SIZE) >> 10, NUMERICS_PORTABLE);
    return name[precision];
}

enum { SIDE = 24 };

// Digest of normals, a GEMM of them and functions of its elements, subnormal numbers among them.
static uint64_t known_answer(void)
{
    const struct random_stream stream = {.seed = 1, .purpose = RANDOM_PARAMETERS};
    float a[SIDE * SIDE], c[SIDE * SIDE];
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    random_normals(a, &stream, 0, SIDE, SIDE, SIDE);
    gemm_fp32_multiply(&(struct gemm){
        .m = SIDE, .n = SIDE, .k = SIDE, .lda = SIDE, .ldb = SIDE, .ldc = SIDE, .a = a, .b = a, .c = c});
    for (int i = 0; i < SIDE * SIDE; i++) {
        double functions[] = {math_exp((double)c[i] * 40), math_sin((double)c[i]),
                              (double)(c[i] * 0x1p-140f)};
        const unsigned char *byte = (const unsigned char *)functions;
        for (size_t k = 0; k < sizeof functions; k++)
            digest = (digest ^ byte[k]) * UINT64_C(0x100000001b3); // FNV-1a
    }
    return digest;
}

enum status numerics_setup(void)
{
    const uint64_t expected = UINT64_C(0x682d2f3e1ba7b3bb);
    fesetenv(FE_DFL_ENV);
    gemm_setup();
    uint64_t digest = known_answer();
    if (digest != expected)
        FAIL(STATUS_MACHINE,
             "the kernels (%s) compute %016llx instead of the known result %016llx: this processor or this "
             "build does not follow IEEE 754. Build without flags that change floating-point results, and "
             "run `ctest -R known` in the build folder",
             simd_set_name(simd_set_current()), (unsigned long long)digest, (unsigned long long)expected);
    return STATUS_OK;
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
