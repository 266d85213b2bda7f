#include "train/muon.h"

#include "kernel/gemm.h"
#include "kernel/lanes.h"

#include <math.h>

enum { ITERATIONS = 5 };

// The quintic of Jordan et al.: u <- a u + (b A + c A^2) u with A = u u^T.
static const float a = 3.4445f, b = -4.7750f, c = 2.0315f;
static const float momentum = 0.95f;

static int shorter(const struct tensor *tensor)
{
    return tensor->rows < tensor->columns ? tensor->rows : tensor->columns;
}

static int longer(const struct tensor *tensor)
{
    return tensor->rows < tensor->columns ? tensor->columns : tensor->rows;
}

size_t muon_work(const struct tensor *tensor)
{
    size_t r = (size_t)shorter(tensor);
    return 2 * tensor_size(tensor) + 2 * r * r;
}

CLONES
static void add_momentum(float *restrict u, float *restrict m, const float *restrict g, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        m[i] = m[i] + (1 - momentum) * (g[i] - m[i]);
        u[i] = g[i] + momentum * (m[i] - g[i]);
    }
}

CLONES
static void scale(float *restrict to, const float *restrict from, float factor, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = factor * from[i];
}

CLONES
static void shrink(float *u, float factor, size_t count)
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
static void move(float *restrict p, const float *restrict u, float step, size_t count)
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

// to [columns, rows] = from [rows, columns]
static void transpose(float *restrict to, const float *restrict from, int rows, int columns)
{
    for (int j = 0; j < columns; j++)
        for (int i = 0; i < rows; i++)
            to[j * rows + i] = from[i * columns + j];
}

void muon_step(const struct tensor *tensor, double rate, float *p, const float *g, float *m, float *work)
{
    int r = shorter(tensor), n = longer(tensor);
    size_t size = tensor_size(tensor), square_size = (size_t)r * (size_t)r;
    float *u = work, *next = u + size, *gram = next + size, *square = gram + square_size;
    bool tall = tensor->rows > tensor->columns;

    add_momentum(tall ? next : u, m, g, size);
    if (tall)
        transpose(u, next, tensor->rows, tensor->columns);
    double length = norm(u, size);
    shrink(u, (float)(1 / (length > 1e-7 ? length : 1e-7)), size);
    for (int i = 0; i < ITERATIONS; i++) {
        gemm_nt(r, r, n, u, n, u, n, gram, r, false);
        gemm_nn(r, r, r, gram, r, gram, r, square, r, false);
        combine(gram, square, square_size);
        scale(next, u, a, size);
        gemm_nn(r, n, r, gram, r, u, n, next, n, true);
        float *swap = u;
        u = next;
        next = swap;
    }
    if (tall)
        transpose(next, u, r, n);
    move(p, tall ? next : u, (float)(0.2 * sqrt((double)n) * rate), size);
}
