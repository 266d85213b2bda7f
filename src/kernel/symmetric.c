#include "kernel/symmetric.h"

#include <math.h>
#include <stddef.h>

static double dot(const double *a, const double *b, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

bool symmetric_cholesky(double *a, int n)
{
    for (int i = 0; i < n; i++) {
        double *row = a + (size_t)i * (size_t)n;
        for (int j = 0; j < i; j++) {
            const double *pivot = a + (size_t)j * (size_t)n;
            row[j] = (row[j] - dot(row, pivot, j)) / pivot[j];
        }
        double square = row[i] - dot(row, row, i);
        if (!(square > 0))
            return false;
        row[i] = sqrt(square);
    }
    return true;
}

// Row i of the inverse: (e_i - sum over j < i of l[i, j] row j) / l[i, i].
void symmetric_invert_factor(double *l, int n)
{
    for (int i = 0; i < n; i++) {
        double *row = l + (size_t)i * (size_t)n, diagonal = row[i];
        for (int j = 0; j < i; j++) {
            const double *inverse = l + (size_t)j * (size_t)n;
            double factor = row[j];
            row[j] = 0;
            for (int k = 0; k <= j; k++)
                row[k] -= factor * inverse[k];
        }
        for (int k = 0; k < i; k++)
            row[k] /= diagonal;
        row[i] = 1 / diagonal;
    }
}

// a v for the leading m rows and columns, from the lower triangle.
static void multiply(const double *a, int n, int m, const double *v, double *result)
{
    for (int i = 0; i < m; i++)
        result[i] = 0;
    for (int i = 0; i < m; i++) {
        const double *row = a + (size_t)i * (size_t)n;
        for (int j = 0; j < i; j++) {
            result[i] += row[j] * v[j];
            result[j] += row[j] * v[i];
        }
        result[i] += row[i] * v[i];
    }
}

// Reduces a to a tridiagonal matrix of the same eigenvalues by Householder reflections, from the last row up.
// The diagonal of the result is that of a; off [n] has the elements beside it, off[i] in row i and column i
// - 1.
static void tridiagonalise(double *a, int n, double *off, double *work)
{
    for (int m = n - 1; m >= 1; m--) {
        double *v = a + (size_t)m * (size_t)n; // the row left of the diagonal is reflected to (0, .., 0, off)
        double norm = sqrt(dot(v, v, m));
        off[m] = v[m - 1] > 0 ? -norm : norm;
        if (norm == 0)
            continue;
        v[m - 1] -= off[m];
        double scale = -1 / (off[m] * v[m - 1]); // I - scale v v^T
        multiply(a, n, m, v, work);
        double half = 0.5 * scale * dot(v, work, m);
        for (int i = 0; i < m; i++)
            work[i] = scale * (work[i] - half * v[i]);
        for (int i = 0; i < m; i++)
            for (int j = 0; j <= i; j++)
                a[(size_t)i * (size_t)n + (size_t)j] -= v[i] * work[j] + work[i] * v[j];
    }
}

// By Sylvester's law, as many as there are negative pivots of the tridiagonal matrix less `bound`.
int symmetric_eigenvalues_below(double *a, int n, double bound, double *work)
{
    double *off = work, pivot = 1;
    int below = 0;
    tridiagonalise(a, n, off, work + n);
    for (int i = 0; i < n; i++) {
        double diagonal = a[(size_t)i * (size_t)n + (size_t)i] - bound;
        pivot = i == 0 ? diagonal : diagonal - off[i] * off[i] / pivot;
        if (pivot == 0)
            pivot = 0x1p-1000;
        below += pivot < 0;
    }
    return below;
}
