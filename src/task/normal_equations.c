#include "task/normal_equations.h"

#include "kernel/batched.h"
#include "spec/fit_spec.h"

#include <math.h>
#include <string.h>

double *normal_equations_init(struct normal_equations *equations, const struct least_squares_problem *problem,
                              double *memory)
{
    int residuals = problem->points * problem->outputs, unknowns = problem->unknowns;
    *equations = (struct normal_equations){.problem = *problem,
                                           .dual = residuals < unknowns,
                                           .block = fit_block(problem->points, problem->outputs, unknowns)};
    equations->size = equations->dual ? residuals : unknowns;
    size_t block = (size_t)(equations->block * problem->outputs) * BATCHED;
    equations->step = memory;
    equations->residual = equations->step + (size_t)unknowns * BATCHED;
    equations->jacobian = equations->residual + block;
    equations->a = equations->jacobian + block * (size_t)unknowns;
    return equations->a + batched_triangle(equations->size) * BATCHED;
}

// The Jacobian of `points` points, [residuals, unknowns].
static struct batched_matrix jacobian_of(const struct normal_equations *equations, int points)
{
    int unknowns = equations->problem.unknowns;
    return (struct batched_matrix){.x = equations->jacobian,
                                   .rows = points * equations->problem.outputs,
                                   .columns = unknowns,
                                   .row_stride = (size_t)unknowns,
                                   .column_stride = 1};
}

static void add_mean_square(const struct normal_equations *equations, int points, double *mean_square)
{
    const struct least_squares_problem *problem = &equations->problem;
    const double *r = equations->residual, residuals = (double)problem->points * problem->outputs;
    for (int i = 0; i < points * problem->outputs; i++, r += BATCHED)
        for (int l = 0; l < BATCHED; l++)
            mean_square[l] += r[l] * r[l] / residuals;
}

void normal_equations_evaluate(struct normal_equations *equations, const double *weights, double *mean_square)
{
    const struct least_squares_problem *problem = &equations->problem;
    int unknowns = problem->unknowns;
    if (mean_square)
        memset(mean_square, 0, BATCHED * sizeof *mean_square);
    if (!equations->dual) {
        memset(equations->a, 0, batched_triangle(unknowns) * BATCHED * sizeof(double));
        memset(equations->step, 0, (size_t)unknowns * BATCHED * sizeof(double));
    }
    for (int first = 0; first < problem->points; first += equations->block) {
        int left = problem->points - first, points = left < equations->block ? left : equations->block;
        problem->evaluate(problem->context, weights, first, points, equations->residual, equations->jacobian);
        if (mean_square)
            add_mean_square(equations, points, mean_square);
        if (equations->dual)
            continue; // the block is the whole
        struct batched_matrix jacobian = jacobian_of(equations, points);
        batched_add_gram(&jacobian, equations->a);
        batched_add_product(&jacobian, equations->residual, equations->step);
    }
}

void normal_equations_solve_dual(struct normal_equations *equations, const double *m, const double *shift)
{
    int unknowns = equations->problem.unknowns, residuals = equations->size;
    struct batched_matrix x = jacobian_of(equations, equations->problem.points),
                          transposed = {x.x, x.columns, x.rows, x.column_stride, x.row_stride};
    double *jacobian = equations->jacobian, *root = equations->step;
    for (int k = 0; k < unknowns * BATCHED; k++)
        root[k] = sqrt(m[k]);
    for (int p = 0; p < residuals; p++)
        for (int k = 0; k < unknowns * BATCHED; k++, jacobian++)
            *jacobian /= root[k];
    if (shift)
        batched_add_product(&transposed, shift, equations->residual);
    memset(equations->a, 0, batched_triangle(residuals) * BATCHED * sizeof(double));
    batched_add_gram(&transposed, equations->a);
    for (int p = 0; p < residuals; p++)
        for (int l = 0; l < BATCHED; l++)
            equations->a[(batched_triangle(p) + (size_t)p) * BATCHED + (size_t)l] += 1;
    batched_cholesky(equations->a, residuals);
    batched_solve(equations->a, residuals, equations->residual);
    memset(equations->step, 0, (size_t)unknowns * BATCHED * sizeof(double));
    batched_add_product(&x, equations->residual, equations->step);
}
