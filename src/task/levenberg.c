#include "task/levenberg.h"

#include "base/memory.h"
#include "kernel/batched.h"
#include "spec/fit_spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double first_lambda = 1e-2, min_lambda = 1e-12, max_lambda = 1e12;
static const double min_diagonal = 1e-6; // of the damping, relative to the mean

struct levenberg {
    struct levenberg_problem problem;
    bool dual;                               // fewer residuals than unknowns
    int block;                               // points that are evaluated together
    int size;                                // of the systems: the smaller of residuals and unknowns
    double *weights, *trial, *step, *damped; // [unknowns, BATCHED]
    double *residual;                        // [block outputs, BATCHED]
    double *jacobian;                        // [block outputs, unknowns, BATCHED]
    double *a;                               // [triangle(size), BATCHED]
    double *memory;
    double objective[BATCHED], lambda[BATCHED];
};

enum status levenberg_create(const struct levenberg_problem *problem, struct levenberg **out)
{
    struct levenberg *solver = memory_small(sizeof *solver);
    int residuals = problem->points * problem->outputs, unknowns = problem->unknowns;
    solver->problem = *problem;
    solver->dual = residuals < unknowns;
    solver->block = fit_block(problem->points, problem->outputs, unknowns);
    solver->size = solver->dual ? residuals : unknowns;
    *out = solver;
    size_t vector = (size_t)unknowns * BATCHED, block = (size_t)(solver->block * problem->outputs) * BATCHED,
           triangle = batched_triangle(solver->size) * BATCHED;
    enum status status = memory_alloc(
        (4 * vector + block * ((size_t)unknowns + 1) + triangle) * sizeof(double), (void **)&solver->memory);
    if (status != STATUS_OK) {
        levenberg_destroy(out);
        return status;
    }
    solver->weights = solver->memory;
    solver->trial = solver->weights + vector;
    solver->step = solver->trial + vector;
    solver->damped = solver->step + vector;
    solver->residual = solver->damped + vector;
    solver->jacobian = solver->residual + block;
    solver->a = solver->jacobian + block * (size_t)unknowns;
    return STATUS_OK;
}

void levenberg_destroy(struct levenberg **solver)
{
    if (!*solver)
        return;
    memory_free((void **)&(*solver)->memory);
    free(*solver);
    *solver = NULL;
}

double *levenberg_weights(struct levenberg *solver)
{
    return solver->weights;
}

const double *levenberg_objective(const struct levenberg *solver)
{
    return solver->objective;
}

// ---- objective ----

static void compute_objective(struct levenberg *solver, const double *weights, double objective[BATCHED])
{
    const struct levenberg_problem *problem = &solver->problem;
    for (int l = 0; l < BATCHED; l++)
        objective[l] = 0;
    for (int first = 0; first < problem->points; first += solver->block) {
        int points = problem->points - first < solver->block ? problem->points - first : solver->block;
        problem->evaluate(problem->context, weights, first, points, solver->residual, NULL);
        const double *r = solver->residual;
        for (int i = 0; i < points * problem->outputs; i++, r += BATCHED)
            for (int l = 0; l < BATCHED; l++)
                objective[l] += r[l] * r[l];
    }
    for (int i = 0; i < problem->unknowns; i++, weights += BATCHED)
        for (int l = 0; l < BATCHED; l++)
            objective[l] += problem->precision[i] * (weights[l] * weights[l]);
}

void levenberg_start(struct levenberg *solver)
{
    compute_objective(solver, solver->weights, solver->objective);
    for (int l = 0; l < BATCHED; l++)
        solver->lambda[l] = first_lambda;
}

// ---- one step ----

// The Jacobian of `points` points, [residuals, unknowns].
static struct batched_matrix jacobian_of(const struct levenberg *solver, int points)
{
    int unknowns = solver->problem.unknowns;
    return (struct batched_matrix){.x = solver->jacobian,
                                   .rows = points * solver->problem.outputs,
                                   .columns = unknowns,
                                   .row_stride = (size_t)unknowns,
                                   .column_stride = 1};
}

static struct batched_matrix transposed(struct batched_matrix x)
{
    return (struct batched_matrix){x.x, x.columns, x.rows, x.column_stride, x.row_stride};
}

// Replaces the diagonal of A in `damped` by lambda max(diagonal, 1e-6 mean).
static void compute_damping(struct levenberg *solver)
{
    int unknowns = solver->problem.unknowns;
    double mean[BATCHED] = {0}, *damped = solver->damped;
    for (int i = 0; i < unknowns; i++)
        for (int l = 0; l < BATCHED; l++)
            mean[l] += damped[i * BATCHED + l] / unknowns;
    for (int i = 0; i < unknowns; i++)
        for (int l = 0; l < BATCHED; l++) {
            double *at = &damped[i * BATCHED + l], min = min_diagonal * mean[l];
            *at = solver->lambda[l] * (*at > min ? *at : min);
        }
}

// Solves the normal equations: step = (A + damping)^-1 (J^T r + P w).
static void compute_step(struct levenberg *solver)
{
    const struct levenberg_problem *problem = &solver->problem;
    int unknowns = problem->unknowns;
    memset(solver->a, 0, batched_triangle(unknowns) * BATCHED * sizeof(double));
    memset(solver->step, 0, (size_t)unknowns * BATCHED * sizeof(double));
    for (int first = 0; first < problem->points; first += solver->block) {
        int points = problem->points - first < solver->block ? problem->points - first : solver->block;
        problem->evaluate(problem->context, solver->weights, first, points, solver->residual,
                          solver->jacobian);
        struct batched_matrix jacobian = jacobian_of(solver, points);
        batched_add_gram(&jacobian, solver->a);
        batched_add_product(&jacobian, solver->residual, solver->step);
    }
    for (int i = 0; i < unknowns; i++) {
        double *diagonal = solver->a + (batched_triangle(i) + (size_t)i) * BATCHED;
        for (int l = 0; l < BATCHED; l++) {
            diagonal[l] += problem->precision[i];
            solver->damped[i * BATCHED + l] = diagonal[l];
            solver->step[i * BATCHED + l] += problem->precision[i] * solver->weights[i * BATCHED + l];
        }
    }
    compute_damping(solver);
    for (int i = 0; i < unknowns; i++) {
        double *diagonal = solver->a + (batched_triangle(i) + (size_t)i) * BATCHED;
        for (int l = 0; l < BATCHED; l++)
            diagonal[l] += solver->damped[i * BATCHED + l];
    }
    batched_cholesky(solver->a, unknowns);
    batched_solve(solver->a, unknowns, solver->step);
}

// Computes the diagonal M = P + damping in `damped`, and divides the columns of J by sqrt M.
static void scale_jacobian(struct levenberg *solver)
{
    int unknowns = solver->problem.unknowns, residuals = solver->size;
    double *damped = solver->damped, *jacobian = solver->jacobian;
    for (int i = 0; i < unknowns; i++)
        for (int l = 0; l < BATCHED; l++)
            damped[i * BATCHED + l] = solver->problem.precision[i];
    for (int p = 0; p < residuals; p++)
        for (int k = 0; k < unknowns * BATCHED; k++) {
            double element = jacobian[(size_t)p * (size_t)(unknowns * BATCHED) + (size_t)k];
            damped[k] += element * element;
        }
    compute_damping(solver);
    for (int i = 0; i < unknowns; i++)
        for (int l = 0; l < BATCHED; l++)
            damped[i * BATCHED + l] += solver->problem.precision[i];
    for (int p = 0; p < residuals; p++)
        for (int k = 0; k < unknowns * BATCHED; k++)
            jacobian[(size_t)p * (size_t)(unknowns * BATCHED) + (size_t)k] /= sqrt(damped[k]);
}

// Solves the same equations in the space of the residuals. With X = J M^-1/2 and t = P w:
// step = M^-1 t + M^-1/2 X^T (I + X X^T)^-1 (r - X M^-1/2 t).
static void compute_step_dual(struct levenberg *solver)
{
    const struct levenberg_problem *problem = &solver->problem;
    int unknowns = problem->unknowns, residuals = solver->size;
    double *step = solver->step, *trial = solver->trial;
    problem->evaluate(problem->context, solver->weights, 0, problem->points, solver->residual,
                      solver->jacobian);
    scale_jacobian(solver);
    struct batched_matrix x = jacobian_of(solver, problem->points), x_transposed = transposed(x);
    memset(solver->a, 0, batched_triangle(residuals) * BATCHED * sizeof(double));
    batched_add_gram(&x_transposed, solver->a);
    for (int p = 0; p < residuals; p++)
        for (int l = 0; l < BATCHED; l++)
            solver->a[(batched_triangle(p) + (size_t)p) * BATCHED + (size_t)l] += 1;
    for (int i = 0; i < unknowns; i++)
        for (int l = 0; l < BATCHED; l++) {
            int k = i * BATCHED + l;
            trial[k] = -problem->precision[i] * solver->weights[k] / sqrt(solver->damped[k]);
            step[k] = 0;
        }
    batched_add_product(&x_transposed, trial, solver->residual);
    batched_cholesky(solver->a, residuals);
    batched_solve(solver->a, residuals, solver->residual);
    batched_add_product(&x, solver->residual, step);
    for (int k = 0; k < unknowns * BATCHED; k++)
        step[k] = (step[k] - trial[k]) / sqrt(solver->damped[k]);
}

void levenberg_iterate(struct levenberg *solver)
{
    int elements = solver->problem.unknowns * BATCHED;
    double objective[BATCHED];
    if (solver->dual)
        compute_step_dual(solver);
    else
        compute_step(solver);
    for (int k = 0; k < elements; k++)
        solver->trial[k] = solver->weights[k] - solver->step[k];
    compute_objective(solver, solver->trial, objective);
    for (int l = 0; l < BATCHED; l++) {
        bool accepted = isfinite(objective[l]) && objective[l] < solver->objective[l];
        double lambda = accepted ? solver->lambda[l] / 4 : solver->lambda[l] * 5;
        solver->lambda[l] = lambda < min_lambda ? min_lambda : lambda > max_lambda ? max_lambda : lambda;
        if (!accepted)
            continue;
        solver->objective[l] = objective[l];
        for (int k = l; k < elements; k += BATCHED)
            solver->weights[k] = solver->trial[k];
    }
}
