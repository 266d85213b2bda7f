#include "spec/fit_spec.h"

int regression_coefficients(int inputs, enum regression_degree degree)
{
    return 1 + inputs + (degree == REGRESSION_QUADRATIC ? inputs * (inputs + 1) / 2 : 0);
}

double regression_flops(const struct task_spec *task, enum regression_degree degree)
{
    double columns = regression_coefficients(task->generator.inputs, degree);
    return 3 * task->equations * columns * columns; // norms of the columns and reflections
}
