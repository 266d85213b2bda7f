/* The linear systems of a least-squares problem, for BATCHED problems of one shape side by side
 * (kernel/batched.h), in double. They are solved in the smaller of the numbers of residuals and unknowns. */
#ifndef TASK_NORMAL_EQUATIONS_H
#define TASK_NORMAL_EQUATIONS_H

#include <stdbool.h>

/* A least-squares problem: `outputs` residuals per point. */
struct least_squares_problem {
    int unknowns, points, outputs;
    const double *precision; // [unknowns], above 0: inverse of the prior variance of each unknown
    void *context;           // argument of evaluate
    /* Computes the residuals of points first to first + points - 1, and their derivatives unless `jacobian`
     * is NULL.  weights [unknowns, BATCHED], residual [points outputs, BATCHED], jacobian [points outputs,
     * unknowns, BATCHED] */
    void (*evaluate)(void *context, const double *weights, int first, int points, double *residual,
                     double *jacobian);
};

/* Its linear system at some weights, and the buffers for it. */
struct normal_equations {
    struct least_squares_problem problem;
    bool dual;        // fewer residuals than unknowns
    int block, size;  // points that are evaluated together (fit_block), rows of the system
    double *residual; // [block outputs, BATCHED]
    double *jacobian; // [block outputs, unknowns, BATCHED]
    double *a;        // [batched_triangle(size), BATCHED]
    double *step;     // [unknowns, BATCHED]
};

/* Prepares the systems of `problem` in `memory` [normal_equations_doubles of spec/fit_spec.h]. Returns the
 * first element behind them. */
double *normal_equations_init(struct normal_equations *equations, const struct least_squares_problem *problem,
                              double *memory);

/* Computes the residuals r and the Jacobian J at the weights and, unless it is NULL, the mean of r^2. Dual
 * systems keep r and J whole; others get J^T J in `a` and J^T r in `step`.  mean_square [BATCHED] */
void normal_equations_evaluate(struct normal_equations *equations, const double *weights,
                               double *mean_square);

/* Dual systems after normal_equations_evaluate: with X = J M^-1/2, computes X^T (I + X X^T)^-1 (r + X shift)
 * in `step`. Without shift (NULL) that is M^1/2 (J^T J + M)^-1 J^T r. Overwrites r and J.
 * m [unknowns, BATCHED], the diagonal of M; shift [unknowns, BATCHED] */
void normal_equations_solve_dual(struct normal_equations *equations, const double *m, const double *shift);

#endif
