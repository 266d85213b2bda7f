#include "task/distribution.h"

#include "kernel/math.h"
#include "kernel/random.h"

#include <math.h>

// sqrt 3 (2 Phi(z) - 1): Phi(z) is uniform for normal z; the result has zero mean and unit variance.
static float uniform_of(float z)
{
    return (float)(sqrt(3) * math_erf((double)z * M_SQRT1_2));
}

void distribution_apply(enum task_inputs inputs, float *x, size_t count)
{
    switch (inputs) {
    case INPUTS_UNIFORM:
        for (size_t i = 0; i < count; i++)
            x[i] = uniform_of(x[i]);
        break;
    case INPUTS_WIDE:
        for (size_t i = 0; i < count; i++)
            x[i] *= 2;
        break;
    case INPUTS_SHIFTED:
        for (size_t i = 0; i < count; i++)
            x[i] += 1;
        break;
    case INPUTS_NORMAL:
    case TASK_INPUTS:
        break;
    }
}

static double deviation(const float *y, int rows, int lanes)
{
    double mean = 0, squares = 0;
    for (int k = 0; k < rows; k++)
        mean += (double)y[(size_t)k * (size_t)lanes] / rows;
    for (int k = 0; k < rows; k++) {
        double difference = (double)y[(size_t)k * (size_t)lanes] - mean;
        squares += difference * difference / rows;
    }
    return sqrt(squares);
}

void distribution_add_noise(double noise, int64_t seed, int64_t first, int sets, int rows, int lanes,
                            float *y, float *work)
{
    const struct random_stream stream = {.seed = seed, .purpose = RANDOM_HELD_OUT_NOISE};
    random_normals(work, &stream, first, sets, rows, lanes);
    for (int set = 0; set < sets; set++) {
        float scale = (float)(noise * deviation(y + set, rows, lanes));
        for (int k = 0; k < rows; k++)
            y[k * lanes + set] += scale * work[k * lanes + set];
    }
}
