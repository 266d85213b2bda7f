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
    struct normal_equations equations;
    double *weights, *trial, *damped; // [unknowns, BATCHED]
    double *memory;
    double objective[BATCHED], lambda[BATCHED];
};

enum status levenberg_create(const struct least_squares_problem *problem, struct levenberg **out)
{
    struct levenberg *solver = memory_small(sizeof *solver);
    size_t vector = (size_t)problem->unknowns * BATCHED;
    size_t equations = normal_equations_doubles(problem->points, problem->outputs, problem->unknowns);
    *out = solver;
    enum status status = memory_alloc((3 * vector + equations) * sizeof(double), (void **)&solver->memory);
    if (status != STATUS_OK) {
        levenberg_destroy(out);
        return status;
    }
    solver->weights = solver->memory;
    solver->trial = solver->weights + vector;
    solver->damped = solver->trial + vector;
    normal_equations_init(&solver->equations, problem, solver->damped + vector);
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
    const struct normal_equations *equations = &solver->equations;
    const struct least_squares_problem *problem = &equations->problem;
    for (int l = 0; l < BATCHED; l++)
        objective[l] = 0;
    for (int first = 0; first < problem->points; first += equations->block) {
        int left = problem->points - first, points = left < equations->block ? left : equations->block;
        problem->evaluate(problem->context, weights, first, points, equations->residual, NULL);
        const double *r = equations->residual;
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

// Replaces the diagonal of A in `damped` by lambda max(diagonal, 1e-6 mean).
static void compute_damping(struct levenberg *solver)
{
    int unknowns = solver->equations.problem.unknowns;
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
    struct normal_equations *equations = &solver->equations;
    const double *precision = equations->problem.precision;
    int unknowns = equations->problem.unknowns;
    for (int i = 0; i < unknowns; i++) {
        double *diagonal = equations->a + (batched_triangle(i) + (size_t)i) * BATCHED;
        for (int l = 0; l < BATCHED; l++) {
            diagonal[l] += precision[i];
            solver->damped[i * BATCHED + l] = diagonal[l];
            equations->step[i * BATCHED + l] += precision[i] * solver->weights[i * BATCHED + l];
        }
    }
    compute_damping(solver);
    for (int i = 0; i < unknowns; i++) {
        double *diagonal = equations->a + (batched_triangle(i) + (size_t)i) * BATCHED;
        for (int l = 0; l < BATCHED; l++)
            diagonal[l] += solver->damped[i * BATCHED + l];
    }
    batched_cholesky(equations->a, unknowns);
    batched_solve(equations->a, unknowns, equations->step);
}

// Computes the diagonal M = P + damping in `damped`.
static void compute_dual_diagonal(struct levenberg *solver)
{
    const struct normal_equations *equations = &solver->equations;
    const double *precision = equations->problem.precision, *jacobian = equations->jacobian;
    int unknowns = equations->problem.unknowns;
    double *damped = solver->damped;
    for (int i = 0; i < unknowns; i++)
        for (int l = 0; l < BATCHED; l++)
            damped[i * BATCHED + l] = precision[i];
    for (int p = 0; p < equations->size; p++)
        for (int k = 0; k < unknowns * BATCHED; k++, jacobian++)
            damped[k] += *jacobian * *jacobian;
    compute_damping(solver);
    for (int i = 0; i < unknowns; i++)
        for (int l = 0; l < BATCHED; l++)
            damped[i * BATCHED + l] += precision[i];
}

// Solves the same equations in the space of the residuals. With X = J M^-1/2 and t = P w:
// step = M^-1 t + M^-1/2 X^T (I + X X^T)^-1 (r - X M^-1/2 t).
static void compute_step_dual(struct levenberg *solver)
{
    struct normal_equations *equations = &solver->equations;
    int unknowns = equations->problem.unknowns;
    double *step = equations->step, *trial = solver->trial;
    compute_dual_diagonal(solver);
    for (int i = 0; i < unknowns; i++)
        for (int l = 0; l < BATCHED; l++) {
            int k = i * BATCHED + l;
            trial[k] = -equations->problem.precision[i] * solver->weights[k] / sqrt(solver->damped[k]);
        }
    normal_equations_solve_dual(equations, solver->damped, trial);
    for (int k = 0; k < unknowns * BATCHED; k++)
        step[k] = (step[k] - trial[k]) / sqrt(solver->damped[k]);
}

void levenberg_iterate(struct levenberg *solver)
{
    struct normal_equations *equations = &solver->equations;
    int elements = equations->problem.unknowns * BATCHED;
    double objective[BATCHED];
    normal_equations_evaluate(equations, solver->weights, NULL);
    if (equations->dual)
        compute_step_dual(solver);
    else
        compute_step(solver);
    for (int k = 0; k < elements; k++)
        solver->trial[k] = solver->weights[k] - equations->step[k];
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
