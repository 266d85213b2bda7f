#include "kernel/least_squares.h"

#include <assert.h>

// OpenBLAS contains LAPACK's Fortran routines; their C header is a separate package, so dgelsy is declared
// here.
void dgelsy_(const int *m, const int *n, const int *nrhs, double *a, const int *lda, double *b,
             const int *ldb, int *jpvt, const double *rcond, int *rank, double *work, const int *lwork,
             int *info);

// Columns of x count as dependent if their independent part is smaller than this, relative to the first
// pivot.
static const double min_independent = 1e-12;

enum { BLOCK = 32 }; // max columns per block in LAPACK

static int larger(int a, int b)
{
    return a > b ? a : b;
}

// Workspace that dgelsy's documentation requires, for blocks of at most BLOCK columns.
static int lapack_work(int rows, int unknowns, int right_sides)
{
    int min = rows < unknowns ? rows : unknowns;
    return larger(min + 2 * unknowns + BLOCK * (unknowns + 1), 2 * min + BLOCK * right_sides);
}

size_t least_squares_work(int rows, int unknowns, int right_sides)
{
    return (size_t)lapack_work(rows, unknowns, right_sides) + (size_t)unknowns; // and the pivots
}

void least_squares(double *x, double *y, int rows, int unknowns, int right_sides, double *work)
{
    int length = lapack_work(rows, unknowns, right_sides), ld = larger(rows, unknowns), rank, info;
    int *pivot = (int *)(work + length);
    for (int i = 0; i < unknowns; i++)
        pivot[i] = 0; // any column may be the pivot
    dgelsy_(&rows, &unknowns, &right_sides, x, &rows, y, &ld, pivot, &min_independent, &rank, work, &length,
            &info);
    assert(info == 0); // fails only for invalid arguments
}
