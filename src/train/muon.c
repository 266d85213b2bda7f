#include "train/muon.h"

#include "kernel/gemm.h"
#include "kernel/operand.h"
#include "kernel/sums.h"
#include "train/updates.h"

#include <math.h>

enum { ITERATIONS = 5 };

// The quintic of Jordan et al.: u <- a u + (b A + c A^2) u with A = u u^T. A tall u, with more rows than
// columns, is the transpose of the u of the formula: u <- a u + u (b A + c A^2) with A = u^T u.
static const float a = 3.4445f, b = -4.7750f, c = 2.0315f;
static const float momentum = 0.95f;

// Copies the upper triangle to the lower one, in blocks whose rows stay in the first-level cache.
static void mirror(float *matrix, size_t n)
{
    enum { BLOCK = 16 };
    for (size_t row = 0; row < n; row += BLOCK)
        for (size_t column = 0; column <= row; column += BLOCK)
            for (size_t i = row; i < n && i < row + BLOCK; i++)
                for (size_t j = column; j < i && j < column + BLOCK; j++)
                    matrix[i * n + j] = matrix[j * n + i];
}

// GEMM with a symmetric result, of which it computes the blocks above the diagonal and on it: elements (i, j)
// and (j, i) are sums of the same products in the same order, so they have the same bits.
static void multiply_symmetric(const struct gemm *g)
{
    enum { COLUMNS = 32 };
    size_t bytes = g->types == GEMM_FP32 ? sizeof(float) : sizeof(uint16_t);
    for (int column = 0; column < g->n; column += COLUMNS) {
        struct gemm part = *g;
        part.n = g->n - column < COLUMNS ? g->n - column : COLUMNS;
        part.m = column + part.n;
        part.b = (const char *)g->b + (size_t)column * (g->b_transposed ? (size_t)g->ldb : 1) * bytes;
        part.c = (float *)g->c + column;
        gemm_multiply(&part);
    }
    mirror(g->c, (size_t)g->n);
}

void muon_momentum(float *m, const float *g, size_t count)
{
    updates_combine(m, momentum, m, 1 - momentum, g, count);
}

void muon_step(const struct tensor *tensor, enum precision precision, double rate, float *p, const float *g,
               float *m, float *work)
{
    int rows = tensor->rows, columns = tensor->columns, side = rows < columns ? rows : columns,
        longer = rows < columns ? columns : rows;
    bool tall = rows > columns;
    size_t size = tensor_size(tensor), square_size = (size_t)side * (size_t)side;
    float *u = work, *next = u + size, *gram = next + size, *square = gram + square_size;
    void *buffer = square + square_size,
         *square_buffer = (float *)buffer + training_muon_operand_floats(size, precision);
    enum gemm_types types = precision == PRECISION_FP32 ? GEMM_FP32 : GEMM_BF16_FP32;

    muon_momentum(m, g, size);
    updates_combine(u, momentum, m, 1 - momentum, g, size);
    double length = sqrt(sums_dot_double(u, u, size));
    updates_scale(u, (float)(1 / (length > 1e-7 ? length : 1e-7)), u, size);
    for (int i = 0; i < ITERATIONS; i++) {
        const void *ru = operand_rounded(u, buffer, size, precision);
        multiply_symmetric(&(struct gemm){.types = types,
                                          .m = side,
                                          .n = side,
                                          .k = longer,
                                          .lda = columns,
                                          .ldb = columns,
                                          .ldc = side,
                                          .a_transposed = tall,
                                          .b_transposed = !tall,
                                          .a = ru,
                                          .b = ru,
                                          .c = gram});
        const void *rgram = operand_rounded(gram, square_buffer, square_size, precision);
        multiply_symmetric(&(struct gemm){.types = types,
                                          .m = side,
                                          .n = side,
                                          .k = side,
                                          .lda = side,
                                          .ldb = side,
                                          .ldc = side,
                                          .a = rgram,
                                          .b = rgram,
                                          .c = square});
        updates_combine(gram, b, gram, c, square, square_size);
        updates_scale(next, a, u, size);
        rgram = operand_rounded(gram, square_buffer, square_size, precision);
        gemm_multiply(&(struct gemm){.types = types,
                                     .m = rows,
                                     .n = columns,
                                     .k = side,
                                     .a = tall ? ru : rgram,
                                     .b = tall ? rgram : ru,
                                     .c = next,
                                     .add = true});
        float *swap = u;
        u = next;
        next = swap;
    }
    updates_combine(p, 1, p, (float)(-0.2 * sqrt((double)longer) * rate), u, size);
}
