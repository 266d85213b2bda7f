#include "task/regression.h"

#include "base/memory.h"
#include "kernel/least_squares.h"

#include <stdlib.h>

struct regression {
    struct task_spec task;
    enum regression_terms terms;
    int coefficients;
    double *matrix;       // [coefficients, n]: a column of least_squares is contiguous
    double *outputs;      // [o, max(n, coefficients)], y of the pairs, then the coefficients
    double *work;         // [least_squares_work]
    double *point, *term; // [d], [coefficients]: one x and its terms
    double *memory;
};

static int max_rows(const struct regression *regression)
{
    int n = regression->task.equations;
    return n > regression->coefficients ? n : regression->coefficients;
}

enum status regression_create(const struct task_spec *task, enum regression_terms terms,
                              struct regression **out)
{
    struct regression *regression = memory_small(sizeof *regression);
    regression->task = *task;
    regression->terms = terms;
    regression->coefficients = regression_coefficients(task->generator.inputs, terms);
    size_t columns = (size_t)regression->coefficients, d = (size_t)task->generator.inputs,
           matrix = columns * (size_t)task->equations,
           outputs = (size_t)max_rows(regression) * (size_t)task->generator.outputs,
           work = least_squares_work(task->equations, regression->coefficients);
    enum status status =
        memory_alloc((matrix + outputs + work + d + columns) * sizeof(double), (void **)&regression->memory);
    regression->matrix = regression->memory;
    regression->outputs = regression->matrix + matrix;
    regression->work = regression->outputs + outputs;
    regression->point = regression->work + work;
    regression->term = regression->point + d;
    *out = regression;
    if (status != STATUS_OK)
        regression_destroy(out);
    return status;
}

void regression_destroy(struct regression **regression)
{
    if (!*regression)
        return;
    memory_free((void **)&(*regression)->memory);
    free(*regression);
    *regression = NULL;
}

// Computes the terms of the current point.
static void compute_terms(struct regression *regression)
{
    int d = regression->task.generator.inputs;
    const double *x = regression->point;
    double *term = regression->term;
    if (regression->terms != REGRESSION_LINEAR)
        *term++ = 1;
    for (int i = 0; i < d; i++)
        *term++ = x[i];
    for (int i = 0; i < d && regression->terms == REGRESSION_QUADRATIC; i++)
        for (int j = i; j < d; j++)
            *term++ = x[i] * x[j];
}

static void fit(struct regression *regression, const float *pairs)
{
    int n = regression->task.equations, d = regression->task.generator.inputs,
        o = regression->task.generator.outputs, coefficients = regression->coefficients;
    size_t rows = (size_t)max_rows(regression);
    for (int p = 0; p < n; p++, pairs += d + o) {
        for (int i = 0; i < d; i++)
            regression->point[i] = (double)pairs[i];
        compute_terms(regression);
        for (int k = 0; k < coefficients; k++)
            regression->matrix[(size_t)k * (size_t)n + (size_t)p] = regression->term[k];
        for (int k = 0; k < o; k++)
            regression->outputs[(size_t)k * rows + (size_t)p] = (double)pairs[d + k];
    }
    least_squares(regression->matrix, regression->outputs, n, coefficients, o, regression->work);
}

void regression_weights(struct regression *regression, const float *pairs, float *weights)
{
    int o = regression->task.generator.outputs;
    size_t rows = (size_t)max_rows(regression);
    fit(regression, pairs);
    for (int i = 0; i < regression->coefficients; i++)
        for (int k = 0; k < o; k++)
            *weights++ = (float)regression->outputs[(size_t)k * rows + (size_t)i];
}

void regression_predict(struct regression *regression, const float *pairs, const float *probes, int stride,
                        double *y)
{
    int d = regression->task.generator.inputs, o = regression->task.generator.outputs;
    size_t rows = (size_t)max_rows(regression);
    fit(regression, pairs);
    for (int point = 0; point < regression->task.eval_points; point++) {
        for (int i = 0; i < d; i++, probes += stride)
            regression->point[i] = (double)*probes;
        compute_terms(regression);
        for (int k = 0; k < o; k++, y++) {
            *y = 0;
            for (int i = 0; i < regression->coefficients; i++)
                *y += regression->outputs[(size_t)k * rows + (size_t)i] * regression->term[i];
        }
    }
}
