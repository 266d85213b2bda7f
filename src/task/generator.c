#include "task/generator.h"

#include "kernel/lanes.h"

#include <math.h>
#include <stddef.h>

#define INLINE static inline __attribute__((always_inline))

void generator_scale_weights(const struct generator_shape *shape, float *weights, int lanes)
{
    if (shape->init == INIT_NORMAL)
        return;
    int h = shape->hidden.width[0], first = shape->inputs * h;
    float scale[2] = {1.0f / sqrtf((float)shape->inputs), 1.0f / sqrtf((float)h)};
    for (int k = 0; k < first + h; k++)
        for (int i = 0; i < lanes; i++)
            weights[k * lanes + i] *= scale[k >= first];
}

static inline const float_lanes *column(const float *array, int k, int lanes, int first)
{
    return (const float_lanes *)(array + (size_t)k * (size_t)lanes + first);
}

// The input of hidden unit j, x W1[:, j].
INLINE float_lanes hidden_input(const float *weights, const float *x, int d, int h, int j, int lanes,
                                int first)
{
    float_lanes sum = *column(x, 0, lanes, first) * *column(weights, j, lanes, first);
    for (int i = 1; i < d; i++)
        sum += *column(x, i, lanes, first) * *column(weights, i * h + j, lanes, first);
    return sum;
}

INLINE float_lanes relu(float_lanes value)
{
    return (float_lanes)((int_lanes)value & ~(value < 0));
}

INLINE float_lanes output(const struct generator_shape *shape, const float *weights, const float *x,
                          int lanes, int first)
{
    int d = shape->inputs, h = shape->hidden.width[0];
    float_lanes y = {0};
    for (int j = 0; j < h; j++)
        y +=
            relu(hidden_input(weights, x, d, h, j, lanes, first)) * *column(weights, d * h + j, lanes, first);
    return y;
}

CLONES
void generator_apply(const struct generator_shape *shape, const float *weights, const float *x, int points,
                     int lanes, float *y)
{
    for (int first = 0; first < lanes; first += LANES)
        for (int p = 0; p < points; p++)
            *(float_lanes *)column(y, p, lanes, first) =
                output(shape, weights, x + (size_t)(p * shape->inputs) * (size_t)lanes, lanes, first);
}

CLONES
void generator_loss(const struct generator_shape *shape, const float *weights, const float *x,
                    const float *target, int points, int lanes, float scale, float *loss, float *dweights)
{
    int d = shape->inputs, h = shape->hidden.width[0];
    for (int first = 0; first < lanes; first += LANES) {
        float_lanes total = {0};
        for (int k = 0; k < d * h + h; k++)
            *(float_lanes *)column(dweights, k, lanes, first) = (float_lanes){0};
        for (int p = 0; p < points; p++) {
            const float *at = x + (size_t)(p * d) * (size_t)lanes;
            float_lanes error = output(shape, weights, at, lanes, first) - *column(target, p, lanes, first);
            float_lanes dy = (2 * scale / (float)points) * error;
            total += error * error;
            for (int j = 0; j < h; j++) {
                float_lanes a = hidden_input(weights, at, d, h, j, lanes, first);
                *(float_lanes *)column(dweights, d * h + j, lanes, first) += dy * relu(a);
                float_lanes da =
                    (float_lanes)((int_lanes)(dy * *column(weights, d * h + j, lanes, first)) & (a > 0));
                for (int i = 0; i < d; i++)
                    *(float_lanes *)column(dweights, i * h + j, lanes, first) +=
                        da * *column(at, i, lanes, first);
            }
        }
        *(float_lanes *)column(loss, 0, lanes, first) = total / (float)points;
    }
}
