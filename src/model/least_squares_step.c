#include "model/least_squares_step.h"

#include "kernel/batched.h"
#include "spec/fit_spec.h"
#include "task/generator_jacobian.h"
#include "task/normal_equations.h"

#include <math.h>
#include <stdbool.h>

static const double min_variance = 1e-6; // of the residuals, for systems that remain positive definite

// BATCHED sets side by side.
struct systems {
    struct generator_pairs pairs; // scale: 1
    double *weights;              // [unknowns, BATCHED]
    double *m;                    // [unknowns, BATCHED], precision of the weights times s^2
    double *precision;            // [unknowns]
    double s_2[BATCHED];          // mean of the squared residuals
    struct normal_equations equations;
};

static void init(struct systems *s, const struct generator_shape *shape, int n, double *scratch)
{
    size_t unknowns = (size_t)generator_unknowns(shape);
    s->weights = generator_jacobian_init(&s->pairs, shape, n, scratch);
    s->m = s->weights + unknowns * BATCHED;
    s->precision = s->m + unknowns * BATCHED;
    fit_precision(shape, s->precision);
    for (int l = 0; l < BATCHED; l++)
        s->pairs.scale[l] = 1;
    const struct least_squares_problem problem = generator_jacobian_problem(&s->pairs, s->precision);
    normal_equations_init(&s->equations, &problem, s->precision + unknowns * BATCHED);
}

static void load_set(struct systems *s, int l, const float *weights, const float *pairs)
{
    for (int k = 0; k < s->equations.problem.unknowns; k++)
        s->weights[k * BATCHED + l] = (double)weights[k];
    generator_jacobian_load(&s->pairs, pairs, l);
}

// Computes (J^T J + M)^-1 J^T r.
static void compute_step(struct systems *s)
{
    struct normal_equations *equations = &s->equations;
    int unknowns = equations->problem.unknowns;
    normal_equations_evaluate(equations, s->weights, s->s_2);
    for (int k = 0; k < unknowns; k++)
        for (int l = 0; l < BATCHED; l++)
            s->m[k * BATCHED + l] = s->precision[k] * (s->s_2[l] > min_variance ? s->s_2[l] : min_variance);
    if (equations->dual) {
        normal_equations_solve_dual(equations, s->m, NULL);
        for (int k = 0; k < unknowns * BATCHED; k++)
            equations->step[k] /= sqrt(s->m[k]);
        return;
    }
    for (int k = 0; k < unknowns; k++)
        for (int l = 0; l < BATCHED; l++)
            equations->a[(batched_triangle(k) + (size_t)k) * BATCHED + (size_t)l] += s->m[k * BATCHED + l];
    batched_cholesky(equations->a, unknowns);
    batched_solve(equations->a, unknowns, equations->step);
}

static void move_set(const struct systems *s, int l, float *weights)
{
    bool finite = true;
    for (int k = 0; k < s->equations.problem.unknowns; k++)
        finite &= isfinite(s->equations.step[k * BATCHED + l]) != 0;
    for (int k = 0; k < s->equations.problem.unknowns && finite; k++)
        weights[k] = (float)(s->weights[k * BATCHED + l] - s->equations.step[k * BATCHED + l]);
}

void least_squares_step(const struct generator_shape *shape, int n, int sets, const float *pairs,
                        float *weights, double *scratch)
{
    struct systems s;
    init(&s, shape, n, scratch);
    size_t unknowns = (size_t)generator_unknowns(shape),
           set_pairs = (size_t)n * (size_t)(shape->inputs + shape->outputs);
    for (int first = 0; first < sets; first += BATCHED) {
        for (int l = 0; l < BATCHED; l++) { // unused systems repeat the last set
            size_t set = (size_t)(first + l < sets ? first + l : sets - 1);
            load_set(&s, l, weights + set * unknowns, pairs + set * set_pairs);
        }
        compute_step(&s);
        for (int l = 0; l < BATCHED && first + l < sets; l++)
            move_set(&s, l, weights + (size_t)(first + l) * unknowns);
    }
}
