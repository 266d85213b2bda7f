/* Optimal assignment of rows to columns: the permutation with the minimum sum of costs.
 *
 * Shortest augmenting paths with dual prices, O(n^3): Jonker & Volgenant, "A shortest augmenting path
 * algorithm for dense and sparse linear assignment problems", Computing 38, 1987, without its initial
 * heuristics. */
#ifndef KERNEL_ASSIGNMENT_H
#define KERNEL_ASSIGNMENT_H

#include <stddef.h>

/* Bytes of the `work` of assignment_solve. */
size_t assignment_work_bytes(int n);

/* Finds the permutation with the minimum sum of costs: row i gets column column_of[i]. Ties are broken in
 * fixed order. The costs must be finite. cost [n, n], column_of [n], work [assignment_work_bytes], aligned
 * for double */
void assignment_solve(const double *cost, int n, int *column_of, void *work);

#endif
