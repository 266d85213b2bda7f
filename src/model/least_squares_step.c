#include "model/least_squares_step.h"

#include "kernel/batched.h"
#include "spec/batch_workspace.h"
#include "spec/fit_spec.h"
#include "task/generator_jacobian.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const double min_variance = 1e-6; // of the residuals, for systems that remain positive definite

// BATCHED sets side by side.
struct systems {
    const struct generator_shape *shape;
    int n, unknowns, block; // pairs, and how many of them are evaluated together
    double *x, *y;          // [n d, BATCHED], [n o, BATCHED]
    double *scale;          // [BATCHED], 1
    double *weights;        // [unknowns, BATCHED]
    double *step;           // [unknowns, BATCHED]
    double *residual;       // [block o, BATCHED]
    double *jacobian;       // [block o, unknowns, BATCHED]
    double *a;              // [batched_triangle(unknowns), BATCHED]
    double *precision;      // [unknowns]
    double *generator;      // [generator_jacobian_scratch, BATCHED]
    double variance[BATCHED];
};

static struct systems systems_of(const struct generator_shape *shape, int n, double *scratch)
{
    int unknowns = generator_unknowns(shape), outputs = shape->outputs,
        block = fit_block(n, outputs, unknowns);
    struct systems s = {.shape = shape, .n = n, .unknowns = unknowns, .block = block};
    double **const arrays[] = {&s.x,        &s.y,        &s.scale, &s.weights,   &s.step,
                               &s.residual, &s.jacobian, &s.a,     &s.generator, &s.precision};
    size_t all = (size_t)unknowns, rows = (size_t)(block * outputs);
    const size_t elements[] = {(size_t)n * (size_t)shape->inputs,
                               (size_t)n * (size_t)outputs,
                               1,
                               all,
                               all,
                               rows,
                               rows * all,
                               batched_triangle(unknowns),
                               (size_t)generator_jacobian_scratch(shape),
                               all};
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        *arrays[i] = scratch;
        scratch += elements[i] * BATCHED;
    }
    fit_precision(shape, s.precision);
    for (int l = 0; l < BATCHED; l++)
        s.scale[l] = 1;
    return s;
}

static void load_set(struct systems *s, int l, const float *weights, const float *pairs)
{
    int d = s->shape->inputs, o = s->shape->outputs;
    double *x = s->x + l, *y = s->y + l;
    for (int k = 0; k < s->unknowns; k++)
        s->weights[k * BATCHED + l] = (double)weights[k];
    for (int p = 0; p < s->n; p++) {
        for (int k = 0; k < d; k++, x += BATCHED)
            *x = (double)*pairs++;
        for (int k = 0; k < o; k++, y += BATCHED)
            *y = (double)*pairs++;
    }
}

// Computes J^T J, J^T r in `step`, and the mean of the squared residuals.
static void accumulate(struct systems *s)
{
    int d = s->shape->inputs, o = s->shape->outputs;
    memset(s->a, 0, batched_triangle(s->unknowns) * BATCHED * sizeof(double));
    memset(s->step, 0, (size_t)(s->unknowns * BATCHED) * sizeof(double));
    memset(s->variance, 0, sizeof s->variance);
    for (int first = 0; first < s->n; first += s->block) {
        int points = s->n - first < s->block ? s->n - first : s->block;
        const struct generator_pairs pairs = {.shape = s->shape,
                                              .points = points,
                                              .x = s->x + (size_t)first * (size_t)d * BATCHED,
                                              .y = s->y + (size_t)first * (size_t)o * BATCHED,
                                              .scale = s->scale,
                                              .scratch = s->generator};
        generator_jacobian(&pairs, s->weights, s->residual, s->jacobian);
        const struct batched_matrix jacobian = {.x = s->jacobian,
                                                .rows = points * o,
                                                .columns = s->unknowns,
                                                .row_stride = (size_t)s->unknowns,
                                                .column_stride = 1};
        batched_add_gram(&jacobian, s->a);
        batched_add_product(&jacobian, s->residual, s->step);
        for (int i = 0; i < points * o; i++)
            for (int l = 0; l < BATCHED; l++) {
                double r = s->residual[i * BATCHED + l];
                s->variance[l] += r * r / ((double)s->n * o);
            }
    }
}

static void solve(struct systems *s)
{
    for (int k = 0; k < s->unknowns; k++) {
        double *diagonal = s->a + (batched_triangle(k) + (size_t)k) * BATCHED;
        for (int l = 0; l < BATCHED; l++)
            diagonal[l] += s->precision[k] * (s->variance[l] > min_variance ? s->variance[l] : min_variance);
    }
    batched_cholesky(s->a, s->unknowns);
    batched_solve(s->a, s->unknowns, s->step);
}

static void move_set(const struct systems *s, int l, float *weights)
{
    bool finite = true;
    for (int k = 0; k < s->unknowns; k++)
        finite &= isfinite(s->step[k * BATCHED + l]) != 0;
    for (int k = 0; k < s->unknowns && finite; k++)
        weights[k] = (float)(s->weights[k * BATCHED + l] - s->step[k * BATCHED + l]);
}

void least_squares_step(const struct generator_shape *shape, int n, int sets, const float *pairs,
                        float *weights, double *scratch)
{
    struct systems s = systems_of(shape, n, scratch);
    size_t unknowns = (size_t)s.unknowns, set_pairs = (size_t)n * (size_t)(shape->inputs + shape->outputs);
    for (int first = 0; first < sets; first += BATCHED) {
        for (int l = 0; l < BATCHED; l++) { // unused systems repeat the last set
            size_t set = (size_t)(first + l < sets ? first + l : sets - 1);
            load_set(&s, l, weights + set * unknowns, pairs + set * set_pairs);
        }
        accumulate(&s);
        solve(&s);
        for (int l = 0; l < BATCHED && first + l < sets; l++)
            move_set(&s, l, weights + (size_t)(first + l) * unknowns);
    }
}
