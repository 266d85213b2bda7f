#include "kernel/assignment.h"

#include <math.h>
#include <stdbool.h>

// Rows and columns count from 1. Column 0 means "not assigned" and is the start of each search.
struct search {
    double *row_price, *column_price; // dual prices: no reduced cost is negative
    double *distance;                 // of the shortest path to each column
    int *row_of;                      // [column]: its row, or 0
    int *before;                      // [column]: the previous column on its path
    int *reached;                     // [column]: whether its path is known to be shortest
};

size_t assignment_work_bytes(int n)
{
    return ((size_t)n + 1) * 3 * (sizeof(double) + sizeof(int));
}

static void search_init(struct search *search, int n, void *work)
{
    size_t length = (size_t)n + 1;
    double *doubles = work;
    int *ints = (int *)(doubles + 3 * length);
    *search = (struct search){doubles, doubles + length, doubles + 2 * length,
                              ints,    ints + length,    ints + 2 * length};
    for (size_t i = 0; i < length; i++) {
        search->row_price[i] = search->column_price[i] = 0;
        search->row_of[i] = 0;
    }
}

// Extends the search from column `last`, reached last, to the nearest column not reached yet; returns that
// column.
static int reach_next(struct search *search, const double *cost, int n, int last)
{
    int row = search->row_of[last], nearest = 0;
    search->reached[last] = true;
    for (int j = 1; j <= n; j++) {
        if (search->reached[j])
            continue;
        double reduced = cost[(size_t)(row - 1) * (size_t)n + (size_t)(j - 1)] - search->row_price[row] -
                         search->column_price[j];
        if (reduced < search->distance[j]) {
            search->distance[j] = reduced;
            search->before[j] = last;
        }
        if (!nearest || search->distance[j] < search->distance[nearest])
            nearest = j;
    }
    double step = search->distance[nearest];
    for (int j = 0; j <= n; j++)
        if (search->reached[j]) {
            search->row_price[search->row_of[j]] += step;
            search->column_price[j] -= step;
        } else {
            search->distance[j] -= step;
        }
    return nearest;
}

// Assigns a column to `row` along the shortest augmenting path: each row on it moves to the next column.
static void assign(struct search *search, const double *cost, int n, int row)
{
    int column = 0;
    search->row_of[0] = row;
    for (int j = 0; j <= n; j++) {
        search->distance[j] = INFINITY;
        search->reached[j] = false;
    }
    do
        column = reach_next(search, cost, n, column);
    while (search->row_of[column]);
    for (; column; column = search->before[column])
        search->row_of[column] = search->row_of[search->before[column]];
}

void assignment_solve(const double *cost, int n, int *column_of, void *work)
{
    struct search search;
    search_init(&search, n, work);
    for (int row = 1; row <= n; row++)
        assign(&search, cost, n, row);
    for (int j = 1; j <= n; j++)
        column_of[search.row_of[j] - 1] = j - 1;
}
