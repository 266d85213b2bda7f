#include "kernel/least_squares.h"

#include "kernel/simd_set.h"

typedef void solver(double *x, double *y, int rows, int unknowns, int right_sides, double *work);
SIMD_DECLARE(solver, least_squares);

size_t least_squares_work(int rows, int unknowns)
{
    size_t min = (size_t)(rows < unknowns ? rows : unknowns), columns = (size_t)unknowns;
    return 3 * columns + 2 * min + min * columns; // the second half for the QR of R^T
}

void least_squares(double *x, double *y, int rows, int unknowns, int right_sides, double *work)
{
    static solver *const functions[SIMD_SETS] = SIMD_TABLE(least_squares);
    functions[simd_set_current()](x, y, rows, unknowns, right_sides, work);
}
