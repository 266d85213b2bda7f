#include "task/distribution.h"

#include "kernel/math.h"

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

// Standard deviation of the noise of one generator.
static double level_of(const struct distribution_noise *noise, int64_t index)
{
    struct random_stream stream = noise->stream;
    float uniform = 0; // in (-1, 1)
    if (noise->min == noise->max)
        return noise->min;
    stream.purpose = noise->level_purpose;
    random_uniform(&uniform, &stream, index, 1);
    return noise->min + (noise->max - noise->min) * (0.5 + 0.5 * (double)uniform);
}

void distribution_add_noise(const struct distribution_noise *noise, int64_t first, int sets, int rows,
                            int lanes, float *y, float *work)
{
    random_normals(work, &noise->stream, first, sets, rows, lanes);
    for (int set = 0; set < sets; set++) {
        float scale = (float)(level_of(noise, first + set) * deviation(y + set, rows, lanes));
        for (int k = 0; k < rows; k++)
            y[k * lanes + set] += scale * work[k * lanes + set];
    }
}
