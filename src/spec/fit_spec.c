#include "spec/fit_spec.h"

enum { BLOCK_ROWS = 32, SIDE_BY_SIDE = 8 }; // rows of the Jacobian per block; fits in one batch

int regression_coefficients(int inputs, enum regression_terms terms)
{
    return (terms != REGRESSION_LINEAR) + inputs +
           (terms == REGRESSION_QUADRATIC ? inputs * (inputs + 1) / 2 : 0);
}

double regression_flops(const struct task_spec *task, enum regression_terms terms)
{
    double columns = regression_coefficients(task->generator.inputs, terms);
    return 3 * task->equations * columns * columns; // norms of the columns and reflections
}

static bool is_dual(int points, int outputs, int unknowns)
{
    return points * outputs < unknowns;
}

int fit_block(int points, int outputs, int unknowns)
{
    int block = outputs < BLOCK_ROWS ? BLOCK_ROWS / outputs : 1;
    return is_dual(points, outputs, unknowns) || points < block ? points : block;
}

double fit_iteration_flops(const struct task_spec *task)
{
    int outputs = task->generator.outputs, weights = generator_unknowns(&task->generator);
    double rows = (double)task->equations * outputs, unknowns = weights;
    double size = is_dual(task->equations, outputs, weights) ? rows : unknowns;
    double gram = rows * unknowns * (size + 1), cholesky = size * size * size / 3;
    return gram + cholesky + 2 * rows * unknowns + (4 + 2 * outputs) * task->equations * unknowns;
}

size_t normal_equations_doubles(int points, int outputs, int unknowns)
{
    int residuals = points * outputs, block = fit_block(points, outputs, unknowns) * outputs;
    size_t columns = (size_t)unknowns, size = (size_t)(residuals < unknowns ? residuals : unknowns);
    return SIDE_BY_SIDE * (columns + (size_t)block * (columns + 1) + size * (size + 1) / 2);
}

size_t fit_bytes(const struct task_spec *task)
{
    int n = task->equations, o = task->generator.outputs, unknowns = generator_unknowns(&task->generator);
    size_t pairs = (size_t)n * (size_t)(task->generator.inputs + o);
    return (SIDE_BY_SIDE * (pairs + 3 * (size_t)unknowns) + normal_equations_doubles(n, o, unknowns)) *
           sizeof(double);
}

void fit_precision(const struct generator_shape *shape, double *precision)
{
    bool lecun = shape->init == INIT_LECUN && shape->hidden.count > 0;
    int fan_in = shape->inputs;
    for (int layer = 0; layer <= shape->hidden.count; layer++) {
        int width = layer < shape->hidden.count ? shape->hidden.width[layer] : shape->outputs;
        for (int k = 0; k < fan_in * width; k++)
            *precision++ = lecun ? fan_in : 1;
        fan_in = width;
    }
}
