#include "task/generator_jacobian.h"

#include "spec/batch_workspace.h"

size_t generator_jacobian_doubles(const struct generator_shape *shape, int points)
{
    return (size_t)(points * (shape->inputs + shape->outputs) + 1 + generator_scratch(shape)) * BATCHED;
}

double *generator_jacobian_init(struct generator_pairs *pairs, const struct generator_shape *shape,
                                int points, double *memory)
{
    double *x = memory, *y = x + (size_t)(points * shape->inputs) * BATCHED,
           *scale = y + (size_t)(points * shape->outputs) * BATCHED;
    *pairs = (struct generator_pairs){shape, points, x, y, scale, .scratch = scale + BATCHED};
    return memory + generator_jacobian_doubles(shape, points);
}

void generator_jacobian_load(const struct generator_pairs *pairs, const float *set, int l)
{
    double *x = pairs->x + l, *y = pairs->y + l;
    for (int p = 0; p < pairs->points; p++) {
        for (int k = 0; k < pairs->shape->inputs; k++, x += BATCHED)
            *x = (double)*set++;
        for (int k = 0; k < pairs->shape->outputs; k++, y += BATCHED)
            *y = (double)*set++;
    }
}

static void evaluate(void *context, const double *weights, int first, int points, double *residual,
                     double *jacobian)
{
    struct generator_pairs pairs = *(const struct generator_pairs *)context;
    pairs.points = points;
    pairs.x += (size_t)(first * pairs.shape->inputs) * BATCHED;
    pairs.y += (size_t)(first * pairs.shape->outputs) * BATCHED;
    generator_jacobian(&pairs, weights, residual, jacobian);
}

struct least_squares_problem generator_jacobian_problem(struct generator_pairs *pairs,
                                                        const double *precision)
{
    return (struct least_squares_problem){.unknowns = generator_unknowns(pairs->shape),
                                          .points = pairs->points,
                                          .outputs = pairs->shape->outputs,
                                          .precision = precision,
                                          .context = pairs,
                                          .evaluate = evaluate};
}
