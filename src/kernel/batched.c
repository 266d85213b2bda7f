#include "kernel/batched.h"

#include "kernel/simd_set.h"

typedef void add_gram(const struct batched_matrix *x, double *a);
typedef void add_product(const struct batched_matrix *x, const double *v, double *y);
typedef void cholesky(double *a, int n);
typedef void solve(const double *l, int n, double *b);
SIMD_DECLARE(add_gram, batched_add_gram);
SIMD_DECLARE(add_product, batched_add_product);
SIMD_DECLARE(cholesky, batched_cholesky);
SIMD_DECLARE(solve, batched_solve);

void batched_add_gram(const struct batched_matrix *x, double *a)
{
    static add_gram *const functions[SIMD_SETS] = SIMD_TABLE(batched_add_gram);
    functions[simd_set_current()](x, a);
}

void batched_add_product(const struct batched_matrix *x, const double *v, double *y)
{
    static add_product *const functions[SIMD_SETS] = SIMD_TABLE(batched_add_product);
    functions[simd_set_current()](x, v, y);
}

void batched_cholesky(double *a, int n)
{
    static cholesky *const functions[SIMD_SETS] = SIMD_TABLE(batched_cholesky);
    functions[simd_set_current()](a, n);
}

void batched_solve(const double *l, int n, double *b)
{
    static solve *const functions[SIMD_SETS] = SIMD_TABLE(batched_solve);
    functions[simd_set_current()](l, n, b);
}
