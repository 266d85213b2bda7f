/* The loops of batched.h, compiled once per instruction set. Each function computes SIMD_DOUBLES systems
 * after the other, whose elements are BATCHED doubles apart. */
#include "kernel/batched.h"

#include "kernel/simd_double.h"

// Elements of a block that stay in registers. The order of an element's sum does not depend on it.
#if defined(SIMD_AVX512) || defined(SIMD_NEON)
enum { TILE = 4 };
#else
enum { TILE = 2 };
#endif
enum { ROWS_AT_ONCE = 4 };

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

// Adds the elements (i to i + TILE - 1, j to j + TILE - 1) of x^T x that are in the lower triangle.
SIMD_INLINE void add_tile(const struct batched_matrix *x, int i, int j, double *a)
{
    const double *left[TILE], *right[TILE];
    simd_double sum[TILE][TILE] = {{{0}}};
    SIMD_UNROLL for (int t = 0; t < TILE; t++)
    {
        left[t] = x->x + (size_t)smaller(i + t, x->columns - 1) * x->column_stride * BATCHED;
        right[t] = x->x + (size_t)smaller(j + t, x->columns - 1) * x->column_stride * BATCHED;
    }
    for (size_t row = 0; row < (size_t)x->rows * x->row_stride * BATCHED; row += x->row_stride * BATCHED) {
        simd_double b[TILE];
        SIMD_UNROLL for (int t = 0; t < TILE; t++) b[t] = simd_load_double(right[t] + row);
        SIMD_UNROLL for (int s = 0; s < TILE; s++)
        {
            simd_double c = simd_load_double(left[s] + row);
            SIMD_UNROLL for (int t = 0; t < TILE; t++) sum[s][t] += c * b[t];
        }
    }
    for (int s = 0; s < TILE && i + s < x->columns; s++)
        for (int t = 0; t < TILE && j + t <= i + s; t++) {
            double *to = a + (batched_triangle(i + s) + (size_t)(j + t)) * BATCHED;
            simd_store_double(to, simd_load_double(to) + sum[s][t]);
        }
}

void SIMD_NAME(batched_add_gram)(const struct batched_matrix *x, double *a)
{
    for (int l = 0; l < BATCHED; l += SIMD_DOUBLES) {
        struct batched_matrix part = *x;
        part.x += l;
        for (int i = 0; i < x->columns; i += TILE)
            for (int j = 0; j <= i; j += TILE)
                add_tile(&part, i, j, a + l);
    }
}

void SIMD_NAME(batched_add_product)(const struct batched_matrix *x, const double *v, double *y)
{
    for (int l = 0; l < BATCHED; l += SIMD_DOUBLES)
        for (int j = 0; j < x->columns; j++) {
            const double *column = x->x + (size_t)j * x->column_stride * BATCHED + l;
            simd_double sum = {0};
            for (int i = 0; i < x->rows; i++)
                sum += simd_load_double(column + (size_t)i * x->row_stride * BATCHED) *
                       simd_load_double(v + i * BATCHED + l);
            simd_store_double(y + j * BATCHED + l, simd_load_double(y + j * BATCHED + l) + sum);
        }
}

SIMD_INLINE double *row_of(double *a, int i)
{
    return a + batched_triangle(i) * BATCHED;
}

// Computes element j of rows i to i + ROWS_AT_ONCE - 1, those up to n - 1.
SIMD_INLINE void eliminate(double *a, int n, int i, int j, simd_double diagonal)
{
    const double *pivot = row_of(a, j);
    double *row[ROWS_AT_ONCE];
    simd_double sum[ROWS_AT_ONCE] = {{0}};
    SIMD_UNROLL for (int t = 0; t < ROWS_AT_ONCE; t++) row[t] = row_of(a, smaller(i + t, n - 1));
    for (int k = 0; k < j; k++) {
        simd_double b = simd_load_double(pivot + k * BATCHED);
        SIMD_UNROLL for (int t = 0; t < ROWS_AT_ONCE; t++) sum[t] +=
            simd_load_double(row[t] + k * BATCHED) * b;
    }
    for (int t = 0; t < ROWS_AT_ONCE && i + t < n; t++) {
        double *to = row[t] + j * BATCHED;
        simd_store_double(to, (simd_load_double(to) - sum[t]) / diagonal);
    }
}

void SIMD_NAME(batched_cholesky)(double *a, int n)
{
    for (int l = 0; l < BATCHED; l += SIMD_DOUBLES)
        for (int j = 0; j < n; j++) {
            double *row = row_of(a + l, j), root[SIMD_DOUBLES];
            simd_double square = {0};
            for (int k = 0; k < j; k++)
                square += simd_load_double(row + k * BATCHED) * simd_load_double(row + k * BATCHED);
            simd_store_double(root, simd_load_double(row + j * BATCHED) - square);
            for (int i = 0; i < SIMD_DOUBLES; i++)
                root[i] = __builtin_sqrt(root[i]);
            simd_double diagonal = simd_load_double(root);
            simd_store_double(row + j * BATCHED, diagonal);
            for (int i = j + 1; i < n; i += ROWS_AT_ONCE)
                eliminate(a + l, n, i, j, diagonal);
        }
}

void SIMD_NAME(batched_solve)(const double *factor, int n, double *b)
{
    for (int l = 0; l < BATCHED; l += SIMD_DOUBLES) {
        const double *row = factor + l;
        for (int i = 0; i < n; row += ++i * BATCHED) {
            simd_double sum = simd_load_double(b + i * BATCHED + l);
            for (int k = 0; k < i; k++)
                sum -= simd_load_double(row + k * BATCHED) * simd_load_double(b + k * BATCHED + l);
            simd_store_double(b + i * BATCHED + l, sum / simd_load_double(row + i * BATCHED));
        }
        for (int i = n - 1; i >= 0; i--) {
            row = factor + l + batched_triangle(i) * BATCHED;
            simd_double x = simd_load_double(b + i * BATCHED + l) / simd_load_double(row + i * BATCHED);
            simd_store_double(b + i * BATCHED + l, x);
            for (int k = 0; k < i; k++) {
                double *to = b + k * BATCHED + l;
                simd_store_double(to, simd_load_double(to) - simd_load_double(row + k * BATCHED) * x);
            }
        }
    }
}
