#include "kernel/gemm.h"

#include "base/memory.h"
#include "kernel/gemm_onednn.h"
#include "kernel/operand.h"

#include <cblas.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static enum gemm_library library[2]; // [precision of the operands]
static char onednn_name[2][64];      // "" if oneDNN has no kernel for the operands

static bool has_avx512(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
#else
    return false;
#endif
}

static bool has_bf16(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

void gemm_setup(void)
{
    openblas_set_num_threads(1);
    if (!gemm_onednn_setup())
        return;
    gemm_onednn_name(PRECISION_FP32, onednn_name[PRECISION_FP32], sizeof onednn_name[0]);
    gemm_onednn_name(PRECISION_BF16, onednn_name[PRECISION_BF16], sizeof onednn_name[0]);
    // Without AVX-512 OpenBLAS is as fast; without bf16 instructions oneDNN emulates them.
    if (has_avx512())
        gemm_use(PRECISION_FP32, GEMM_ONEDNN);
    if (has_bf16())
        gemm_use(PRECISION_BF16, GEMM_ONEDNN);
}

static enum precision operands_of(enum gemm_types types)
{
    return types == GEMM_FP32 ? PRECISION_FP32 : PRECISION_BF16;
}

enum gemm_library gemm_library(enum precision operands)
{
    return library[operands];
}

bool gemm_use(enum precision operands, enum gemm_library wanted)
{
    if (wanted == GEMM_ONEDNN && !onednn_name[operands][0])
        return false;
    library[operands] = wanted;
    return true;
}

const char *gemm_bf16_fallback_reason(void)
{
    if (library[PRECISION_BF16] == GEMM_ONEDNN)
        return NULL;
    return has_bf16() ? "this program was built without oneDNN (libdnnl-dev)"
                      : "this processor has no bf16 instructions";
}

// openblas_get_config() returns "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ... Haswell MAX_THREADS=64".
static void openblas_name(char *name, size_t size)
{
    int length = 0;
    sscanf(openblas_get_config(), "%*s %*s%n", &length);
    snprintf(name, size, "%.*s %s", length, openblas_get_config(), openblas_get_corename());
}

const char *gemm_name(enum precision operands)
{
    static char name[2][96];
    if (library[operands] == GEMM_ONEDNN)
        snprintf(name[operands], sizeof name[0], "oneDNN %s", onednn_name[operands]);
    else
        openblas_name(name[operands], sizeof name[0]);
    return name[operands];
}

const char *gemm_libraries(void)
{
    static char names[256];
    char openblas[96];
    openblas_name(openblas, sizeof openblas);
    if (onednn_name[PRECISION_FP32][0])
        snprintf(names, sizeof names, "%s; oneDNN %s", openblas, onednn_name[PRECISION_FP32]);
    else
        snprintf(names, sizeof names, "%s", openblas);
    return names;
}

// ---- OpenBLAS ----

static void multiply_fp32(const struct gemm_shape *shape, const float *a, const float *b, float *c)
{
    cblas_sgemm(CblasRowMajor, shape->transpose_a ? CblasTrans : CblasNoTrans,
                shape->transpose_b ? CblasTrans : CblasNoTrans, shape->m, shape->n, shape->k, 1, a,
                shape->lda, b, shape->ldb, (float)shape->add, c, shape->ldc);
}

// Scratch for a widened matrix; reallocated for larger ones, never freed.
static float *scratch(int which, size_t count)
{
    static float *buffer[3];
    static size_t length[3];
    if (count > length[which]) {
        buffer[which] = memory_grow(buffer[which], count * sizeof(float));
        length[which] = count;
    }
    return buffer[which];
}

// Widens all rows with their padding, except the padding of the last row, which may lie outside the buffer.
static const float *widened(int which, const void *matrix, int rows, int columns, int ld)
{
    size_t count = (size_t)(rows - 1) * (size_t)ld + (size_t)columns;
    float *wide = scratch(which, count);
    operand_widen(wide, matrix, count);
    return wide;
}

static void round_result(const struct gemm_shape *shape, const float *from, uint16_t *to)
{
    for (int row = 0; row < shape->m; row++)
        operand_copy(to + (size_t)row * (size_t)shape->ldc, from + (size_t)row * (size_t)shape->n,
                     (size_t)shape->n, PRECISION_BF16);
}

static void multiply_bf16(struct gemm_shape shape, const void *a, const void *b, void *c)
{
    const float *wide_a = shape.transpose_a ? widened(0, a, shape.k, shape.m, shape.lda)
                                            : widened(0, a, shape.m, shape.k, shape.lda);
    const float *wide_b = shape.transpose_b ? widened(1, b, shape.n, shape.k, shape.ldb)
                                            : widened(1, b, shape.k, shape.n, shape.ldb);
    if (shape.types == GEMM_BF16_FP32) {
        multiply_fp32(&shape, wide_a, wide_b, c);
        return;
    }
    struct gemm_shape dense = shape;
    dense.ldc = shape.n;
    float *result = scratch(2, (size_t)shape.m * (size_t)shape.n);
    multiply_fp32(&dense, wide_a, wide_b, result);
    round_result(&shape, result, c);
}

static void multiply(const struct gemm_shape *shape, const void *a, const void *b, void *c)
{
    if (library[operands_of(shape->types)] == GEMM_ONEDNN)
        gemm_onednn(shape, a, b, c);
    else if (shape->types == GEMM_FP32)
        multiply_fp32(shape, a, b, c);
    else
        multiply_bf16(*shape, a, b, c);
}

void gemm_nn(enum gemm_types types, int m, int n, int k, const void *a, int lda, const void *b, int ldb,
             void *c, int ldc, bool add)
{
    multiply(&(struct gemm_shape){types, m, n, k, lda, ldb, ldc, 0, 0, add, 0}, a, b, c);
}

void gemm_nt(enum gemm_types types, int m, int n, int k, const void *a, int lda, const void *b, int ldb,
             void *c, int ldc, bool add)
{
    multiply(&(struct gemm_shape){types, m, n, k, lda, ldb, ldc, 0, 1, add, 0}, a, b, c);
}

void gemm_tn(enum gemm_types types, int m, int n, int k, const void *a, int lda, const void *b, int ldb,
             void *c, int ldc, bool add)
{
    multiply(&(struct gemm_shape){types, m, n, k, lda, ldb, ldc, 1, 0, add, 0}, a, b, c);
}

static void transpose_halves(uint16_t *restrict to, const uint16_t *restrict from, int rows, int columns)
{
    for (int j = 0; j < columns; j++)
        for (int i = 0; i < rows; i++)
            to[j * rows + i] = from[i * columns + j];
}

// OpenBLAS packs in every call and has no interface for packed operands: only the transposition is done here.
void gemm_pack(enum precision operands, int n, int k, const void *b, bool transposed, void *packed)
{
    if (library[operands] == GEMM_ONEDNN)
        gemm_onednn_pack(operands, n, k, b, transposed, packed);
    else if (!transposed)
        memcpy(packed, b, (size_t)n * (size_t)k * precision_bytes(operands));
    else if (operands == PRECISION_FP32)
        operand_transpose(packed, b, n, k, PRECISION_FP32);
    else
        transpose_halves(packed, b, n, k);
}

void gemm_packed(enum gemm_types types, int m, int n, int k, const void *a, int lda, const void *packed,
                 void *c, int ldc)
{
    multiply(&(struct gemm_shape){types, m, n, k, lda, n, ldc, 0, 0, 0, 1}, a, packed, c);
}
