/* The solver of least_squares.h, compiled once per instruction set. */
#include "kernel/least_squares.h"

#include "kernel/simd.h"

#include <math.h>

enum { SUMS = 8 };

// Sum of a[i] b[i]: element i is added to partial sum i % 8.
static double dot(const double *a, const double *b, int count)
{
    double part[SUMS] = {0};
    int i = 0;
    for (; i + SUMS <= count; i += SUMS)
        for (int l = 0; l < SUMS; l++)
            part[l] += a[i + l] * b[i + l];
    for (int l = 0; i + l < count; l++)
        part[l] += a[i + l] * b[i + l];
    for (int parts = SUMS / 2; parts > 0; parts /= 2)
        for (int l = 0; l < parts; l++)
            part[l] += part[l + parts];
    return part[0];
}

static void add_multiple(double *restrict to, double factor, const double *restrict from, int count)
{
    for (int i = 0; i < count; i++)
        to[i] += factor * from[i];
}

static void swap(double *a, double *b, int count)
{
    for (int i = 0; i < count; i++) {
        double kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

// Reflects v [count] to (diagonal, 0, ..): I - scale u u^T, whose vector u is left in v. Returns the
// diagonal.
static double reflect(double *v, int count, double *scale)
{
    double norm = sqrt(dot(v, v, count));
    *scale = 0;
    if (norm == 0)
        return 0;
    double diagonal = v[0] > 0 ? -norm : norm;
    v[0] -= diagonal;
    *scale = -1 / (diagonal * v[0]);
    return diagonal;
}

// Applies the reflection of u to v [count].
static void apply(const double *u, double scale, double *v, int count)
{
    if (scale != 0)
        add_multiple(v, -scale * dot(u, v, count), u, count);
}

// A QR factorisation. Below and on the diagonal of x are the vectors of Q's reflections, above it is R.
struct qr {
    double *x; // [rows, columns], column-major
    int rows, columns, rank;
    double *diagonal; // [columns], of R
    double *scale;    // [columns], of the reflections
    double *pivot;    // [columns]: column exchanged with column k before step k; NULL: none is
};

static double *column_of(const struct qr *qr, int j)
{
    return qr->x + (size_t)j * (size_t)qr->rows;
}

// Exchanges column k with the column of largest norm below row k.
static void exchange_columns(struct qr *qr, int k)
{
    int best = k;
    double largest = -1;
    for (int j = k; j < qr->columns; j++) {
        const double *v = column_of(qr, j) + k;
        double square = dot(v, v, qr->rows - k);
        if (square > largest) {
            largest = square;
            best = j;
        }
    }
    qr->pivot[k] = best;
    if (best != k)
        swap(column_of(qr, k), column_of(qr, best), qr->rows);
}

static void factor(struct qr *qr)
{
    int min = qr->rows < qr->columns ? qr->rows : qr->columns,
        max = qr->rows > qr->columns ? qr->rows : qr->columns;
    for (qr->rank = 0; qr->rank < min; qr->rank++) {
        int k = qr->rank;
        if (qr->pivot)
            exchange_columns(qr, k);
        double *u = column_of(qr, k) + k;
        qr->diagonal[k] = reflect(u, qr->rows - k, &qr->scale[k]);
        if (qr->pivot && fabs(qr->diagonal[k]) <= max * 0x1p-52 * fabs(qr->diagonal[0]))
            return;
        for (int j = k + 1; j < qr->columns; j++)
            apply(u, qr->scale[k], column_of(qr, j) + k, qr->rows - k);
    }
}

// Solves R w = y in place, for a matrix of full column rank.
static void solve_upper(const struct qr *qr, double *y)
{
    for (int k = qr->columns - 1; k >= 0; k--) {
        y[k] /= qr->diagonal[k];
        add_multiple(y, -y[k], column_of(qr, k), k);
    }
}

// Copies the first rows of R to the columns of `transposed`, which is then factored: R^T = Q2 R2.
static void factor_transposed(const struct qr *qr, struct qr *transposed)
{
    for (int k = 0; k < qr->rank; k++) {
        double *column = column_of(transposed, k);
        for (int j = 0; j < qr->columns; j++)
            column[j] = j < k ? 0 : j == k ? qr->diagonal[k] : column_of(qr, j)[k];
    }
    factor(transposed);
}

// Solves R2^T z = y, and returns Q2 z, the solution of minimum norm, in place.
static void solve_min_norm(const struct qr *transposed, double *y)
{
    int rank = transposed->columns;
    for (int k = 0; k < rank; k++)
        y[k] = (y[k] - dot(column_of(transposed, k), y, k)) / transposed->diagonal[k];
    for (int k = rank; k < transposed->rows; k++)
        y[k] = 0;
    for (int k = rank - 1; k >= 0; k--)
        apply(column_of(transposed, k) + k, transposed->scale[k], y + k, transposed->rows - k);
}

static void undo_exchanges(const struct qr *qr, double *w)
{
    int min = qr->rows < qr->columns ? qr->rows : qr->columns;
    for (int k = min - 1; k >= 0; k--)
        swap(&w[k], &w[(int)qr->pivot[k]], 1);
}

void SIMD_NAME(least_squares)(double *x, double *y, int rows, int unknowns, int right_sides, double *work)
{
    struct qr qr = {.x = x,
                    .rows = rows,
                    .columns = unknowns,
                    .diagonal = work,
                    .scale = work + unknowns,
                    .pivot = work + 2 * (size_t)unknowns};
    for (int k = 0; k < unknowns; k++)
        qr.pivot[k] = k;
    factor(&qr);
    double *second = qr.pivot + unknowns;
    struct qr transposed = {.x = second + 2 * qr.rank,
                            .rows = unknowns,
                            .columns = qr.rank,
                            .diagonal = second,
                            .scale = second + qr.rank};
    if (qr.rank < unknowns)
        factor_transposed(&qr, &transposed);
    size_t stride = (size_t)(rows > unknowns ? rows : unknowns);
    for (int side = 0; side < right_sides; side++, y += stride) {
        for (int k = 0; k < qr.rank; k++)
            apply(column_of(&qr, k) + k, qr.scale[k], y + k, rows - k);
        if (qr.rank < unknowns)
            solve_min_norm(&transposed, y);
        else
            solve_upper(&qr, y);
        undo_exchanges(&qr, y);
    }
}
