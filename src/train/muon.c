#include "train/muon.h"

#include "kernel/gemm.h"
#include "kernel/lanes.h"
#include "kernel/operand.h"

#include <math.h>

enum { ITERATIONS = 5 };

// The quintic of Jordan et al.: u <- a u + (b A + c A^2) u with A = u u^T.
static const float a = 3.4445f, b = -4.7750f, c = 2.0315f;
static const float momentum = 0.95f;

CLONES
void muon_momentum(float *restrict m, const float *restrict g, size_t count)
{
    for (size_t i = 0; i < count; i++)
        m[i] += (1 - momentum) * (g[i] - m[i]);
}

CLONES
static void nesterov(float *restrict u, const float *restrict m, const float *restrict g, size_t count)
{
    for (size_t i = 0; i < count; i++)
        u[i] = g[i] + momentum * (m[i] - g[i]);
}

CLONES
static void scale(float *restrict to, const float *restrict from, float factor, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = factor * from[i];
}

CLONES
static void scale_in_place(float *u, float factor, size_t count)
{
    for (size_t i = 0; i < count; i++)
        u[i] *= factor;
}

CLONES
static void combine(float *restrict gram, const float *restrict square, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gram[i] = b * gram[i] + c * square[i];
}

CLONES
static void subtract(float *restrict p, const float *restrict u, float step, size_t count)
{
    for (size_t i = 0; i < count; i++)
        p[i] -= step * u[i];
}

static double norm(const float *u, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)u[i] * (double)u[i];
    return sqrt(sum);
}

// Returns the matrix itself for fp32, else its rounded copy in `buffer`.
static const void *operand(const float *matrix, size_t count, enum precision precision, void *buffer)
{
    if (precision == PRECISION_FP32)
        return matrix;
    operand_copy(buffer, matrix, count, precision);
    return buffer;
}

void muon_step(const struct tensor *tensor, enum precision precision, double rate, float *p, const float *g,
               float *m, float *work)
{
    bool tall = tensor->rows > tensor->columns; // then u is transposed; u [r, n] with r <= n
    int r = tall ? tensor->columns : tensor->rows, n = tall ? tensor->rows : tensor->columns;
    size_t size = tensor_size(tensor), square_size = (size_t)r * (size_t)r;
    float *u = work, *next = u + size, *gram = next + size, *square = gram + square_size;
    void *buffer = square + square_size,
         *square_buffer = (float *)buffer + training_muon_operand_floats(size, precision);
    enum gemm_types types = precision == PRECISION_FP32 ? GEMM_FP32 : GEMM_BF16_FP32;

    muon_momentum(m, g, size);
    nesterov(tall ? next : u, m, g, size);
    if (tall)
        operand_transpose(u, next, tensor->rows, tensor->columns, PRECISION_FP32);
    double length = norm(u, size);
    scale_in_place(u, (float)(1 / (length > 1e-7 ? length : 1e-7)), size);
    for (int i = 0; i < ITERATIONS; i++) {
        const void *ru = operand(u, size, precision, buffer);
        gemm_nt(types, r, r, n, ru, n, ru, n, gram, r, false);
        const void *rgram = operand(gram, square_size, precision, square_buffer);
        gemm_nn(types, r, r, r, rgram, r, rgram, r, square, r, false);
        combine(gram, square, square_size);
        scale(next, u, a, size);
        rgram = operand(gram, square_size, precision, square_buffer);
        gemm_nn(types, r, n, r, rgram, r, ru, n, next, n, true);
        float *swap = u;
        u = next;
        next = swap;
    }
    if (tall)
        operand_transpose(next, u, r, n, PRECISION_FP32);
    subtract(p, tall ? next : u, (float)(0.2 * sqrt((double)n) * rate), size);
}
