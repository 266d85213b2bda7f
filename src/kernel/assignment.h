/* Optimal assignment: which column each row gets, so that the sum of the costs is least.
 *
 * Shortest augmenting paths with dual prices, O(n^3): Jonker & Volgenant, "A shortest augmenting path
 * algorithm for dense and sparse linear assignment problems", Computing 38, 1987, without its initial
 * heuristics. */
#ifndef KERNEL_ASSIGNMENT_H
#define KERNEL_ASSIGNMENT_H

#include <stddef.h>

/* Bytes that assignment_solve needs to work in. */
size_t assignment_work_bytes(int n);

/* Ties are broken in fixed order. The costs must be finite.
 * cost [n, n], column_of [n], work [assignment_work_bytes], aligned for double */
void assignment_solve(const double *cost, int n, int *column_of, void *work);

#endif
