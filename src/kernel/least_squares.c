#include "kernel/least_squares.h"

#include <assert.h>

// OpenBLAS brings LAPACK's Fortran routines along; their C header is a package of its own, so the one is
// declared here.
void dgelsy_(const int *m, const int *n, const int *nrhs, double *a, const int *lda, double *b,
             const int *ldb, int *jpvt, const double *rcond, int *rank, double *work, const int *lwork,
             int *info);

// Columns of x whose part that is new is smaller than this beside the first one's say nothing.
static const double least_independent = 1e-12;

enum { BLOCK = 32 }; // columns that LAPACK may take together

static int larger(int a, int b)
{
    return a > b ? a : b;
}

// What dgelsy says it needs, for blocks of any size up to BLOCK.
static int lapack_work(int rows, int unknowns, int right_sides)
{
    int least = rows < unknowns ? rows : unknowns;
    return larger(least + 2 * unknowns + BLOCK * (unknowns + 1), 2 * least + BLOCK * right_sides);
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
        pivot[i] = 0; // any column may come first
    dgelsy_(&rows, &unknowns, &right_sides, x, &rows, y, &ld, pivot, &least_independent, &rank, work, &length,
            &info);
    assert(info == 0); // nothing but a wrong argument can fail
}
