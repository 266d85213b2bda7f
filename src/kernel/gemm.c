#include "kernel/gemm.h"

#include "base/memory.h"
#include "kernel/bias_relu.h"
#include "kernel/gemm_fp32.h"
#include "kernel/gemm_onednn.h"
#include "kernel/numerics.h"
#include "kernel/operand.h"

#include <cblas.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static enum gemm_library library[2]; // [precision of the operands]
static char onednn_name[2][64];      // the same; "" if oneDNN has no kernel

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
    for (enum precision operands = PRECISION_FP32; operands <= PRECISION_BF16; operands++)
        gemm_onednn_name(operands, onednn_name[operands], sizeof onednn_name[0]);
    if (has_bf16()) // else oneDNN emulates the instructions
        gemm_use(PRECISION_BF16, GEMM_ONEDNN);
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

bool gemm_rounds_natively(void)
{
    return library[PRECISION_BF16] == GEMM_ONEDNN && has_bf16();
}

bool gemm_prefers_blocks(void)
{
    return library[PRECISION_BF16] == GEMM_ONEDNN && strstr(onednn_name[PRECISION_BF16], "amx");
}

const char *gemm_library_name(enum gemm_library of)
{
    static const char *const names[] = {
        [GEMM_PORTABLE] = "portable", [GEMM_OPENBLAS] = "OpenBLAS", [GEMM_ONEDNN] = "oneDNN"};
    return names[of];
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
    else if (library[operands] == GEMM_OPENBLAS)
        openblas_name(name[operands], sizeof name[0]);
    else
        snprintf(name[operands], sizeof name[0], "%s", NUMERICS_PORTABLE);
    return name[operands];
}

const char *gemm_libraries(void)
{
    static char names[256];
    char openblas[96];
    openblas_name(openblas, sizeof openblas);
    snprintf(names, sizeof names, "%s; %s%s%s", NUMERICS_PORTABLE, openblas,
             onednn_name[PRECISION_BF16][0] ? "; oneDNN " : "", onednn_name[PRECISION_BF16]);
    return names;
}

// A packed B is a plain [k, n]: OpenBLAS packs in every call and has no interface for packed operands.
static void multiply_openblas(const struct gemm *g)
{
    const float *b = g->packed ? g->packed : g->b;
    cblas_sgemm(CblasRowMajor, g->a_transposed ? CblasTrans : CblasNoTrans,
                g->b_transposed && !g->packed ? CblasTrans : CblasNoTrans, g->m, g->n, g->k, 1, g->a, g->lda,
                b, g->packed ? g->n : g->ldb, (float)g->add, g->c, g->ldc);
}

// Bias and ReLU after a GEMM that does not compute them itself.
static void finish(const struct gemm *g)
{
    enum precision result = g->types == GEMM_BF16 ? PRECISION_BF16 : PRECISION_FP32;
    if (g->relu)
        bias_relu(g->c, g->bias, g->m, g->n, g->ldc, result);
    else if (g->bias)
        bias_add(g->c, g->bias, g->m, g->n, g->ldc, result);
}

// ---- bf16 through fp32 ----

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

// A packed B is a plain [k, n] here.
static void multiply_widened(const struct gemm *g)
{
    struct gemm wide = *g;
    bool transposed = g->b_transposed && !g->packed;
    wide.b_transposed = transposed;
    wide.ldb = g->packed ? g->n : g->ldb;
    wide.a = widened(0, g->a, g->a_transposed ? g->k : g->m, g->a_transposed ? g->m : g->k, g->lda);
    wide.b = widened(1, g->packed ? g->packed : g->b, transposed ? g->n : g->k, transposed ? g->k : g->n,
                     wide.ldb);
    wide.packed = NULL;
    wide.bias = NULL;
    wide.relu = false;
    if (g->types == GEMM_BF16) {
        wide.ldc = g->n;
        wide.c = scratch(2, (size_t)g->m * (size_t)g->n);
    }
    if (library[PRECISION_BF16] == GEMM_OPENBLAS)
        multiply_openblas(&wide);
    else
        gemm_fp32_multiply(&wide);
    for (size_t row = 0; g->types == GEMM_BF16 && row < (size_t)g->m; row++)
        operand_copy((uint16_t *)g->c + row * (size_t)g->ldc, (float *)wide.c + row * (size_t)g->n,
                     (size_t)g->n, PRECISION_BF16);
}

void gemm_multiply(const struct gemm *gemm)
{
    struct gemm g = *gemm;
    g.lda = g.lda ? g.lda : g.a_transposed ? g.m : g.k;
    g.ldb = g.ldb ? g.ldb : g.b_transposed ? g.k : g.n;
    g.ldc = g.ldc ? g.ldc : g.n;
    enum precision operands = g.types == GEMM_FP32 ? PRECISION_FP32 : PRECISION_BF16;
    if (operands == PRECISION_FP32 && library[operands] == GEMM_PORTABLE) {
        gemm_fp32_multiply(&g);
        return;
    }
    if (library[operands] == GEMM_ONEDNN)
        gemm_onednn(&g);
    else if (operands == PRECISION_FP32)
        multiply_openblas(&g);
    else
        multiply_widened(&g);
    finish(&g);
}

// ---- packing ----

static void transpose(char *restrict to, const char *restrict from, size_t rows, size_t columns, size_t bytes)
{
    for (size_t j = 0; j < columns; j++)
        for (size_t i = 0; i < rows; i++)
            memcpy(to + (j * rows + i) * bytes, from + (i * columns + j) * bytes, bytes);
}

void gemm_pack(enum precision operands, int n, int k, const void *b, bool transposed, void *packed)
{
    if (library[operands] == GEMM_ONEDNN)
        gemm_onednn_pack(operands, n, k, b, transposed, packed);
    else if (operands == PRECISION_FP32 && library[operands] == GEMM_PORTABLE)
        gemm_fp32_pack(packed, b, n, k, transposed ? k : n, transposed);
    else if (transposed)
        transpose(packed, b, (size_t)n, (size_t)k, precision_bytes(operands));
    else
        memcpy(packed, b, (size_t)n * (size_t)k * precision_bytes(operands));
}
