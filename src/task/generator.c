#include "task/generator.h"

#include "kernel/lanes.h"
#include "spec/batch_workspace.h"
#include "task/generator_activation.h"

#include <math.h>
#include <stddef.h>

void generator_scale_weights(const struct generator_shape *shape, float *weights, int lanes)
{
    if (shape->init == INIT_NORMAL || shape->hidden.count == 0)
        return;
    int fan_in = shape->inputs;
    for (int layer = 0; layer <= shape->hidden.count; layer++) {
        int width = layer < shape->hidden.count ? shape->hidden.width[layer] : shape->outputs;
        float scale = 1.0f / sqrtf((float)fan_in);
        for (int k = 0; k < fan_in * width * lanes; k++)
            weights[k] *= scale;
        weights += fan_in * width * lanes;
        fan_in = width;
    }
}

// LANES generators at work on one point.
struct work {
    const struct generator_shape *shape;
    const float *weights; // [unknowns, lanes]
    const float *x;       // [d, lanes]
    int lanes;
    float *units, *slopes; // [hidden units of all layers, LANES]
    float *gradient[2];    // [widest, LANES], at the units of a layer, by turns
};

static struct work work_of(const struct generator_shape *shape, int lanes, float *scratch)
{
    int units = generator_units(shape), widest = generator_widest(shape);
    float *gradient = scratch + 2 * units * LANES;
    return (struct work){.shape = shape,
                         .lanes = lanes,
                         .units = scratch,
                         .slopes = scratch + units * LANES,
                         .gradient = {gradient, gradient + widest * LANES}};
}

// Number k of LANES generators, in an array with rows of `stride`.
INLINE float_lanes *number(const float *array, int k, int stride)
{
    return (float_lanes *)(array + (size_t)k * (size_t)stride);
}

// Output j of a layer: the sum of in[i] w[i, j].
INLINE float_lanes layer_output(const float *in, int in_stride, const float *w, int lanes, int fan_in,
                                int width, int j)
{
    float_lanes sum = {0};
    for (int i = 0; i < fan_in; i++)
        sum += *number(in, i, in_stride) * *number(w, i * width + j, lanes);
    return sum;
}

// y [o, y_stride]; keeps the slopes for the way back if `slopes`.
INLINE void forward(const struct work *work, const enum generator_activation activation, const bool slopes,
                    float *y, int y_stride)
{
    const struct generator_shape *shape = work->shape;
    const float *in = work->x, *w = work->weights;
    int fan_in = shape->inputs, stride = work->lanes, done = 0;
    for (int layer = 0; layer < shape->hidden.count; layer++) {
        int width = shape->hidden.width[layer];
        for (int j = 0; j < width; j++) {
            float_lanes slope, z = layer_output(in, stride, w, work->lanes, fan_in, width, j);
            *number(work->units, done + j, LANES) = activation_of(activation, z, &slope);
            if (slopes)
                *number(work->slopes, done + j, LANES) = slope;
        }
        in = work->units + done * LANES;
        stride = LANES;
        w += (size_t)(fan_in * width) * (size_t)work->lanes;
        done += width;
        fan_in = width;
    }
    for (int j = 0; j < shape->outputs; j++)
        *number(y, j, y_stride) = layer_output(in, stride, w, work->lanes, fan_in, shape->outputs, j);
}

// Adds the gradient of the weights, given that of the outputs in gradient[0].  dweights [unknowns, lanes]
INLINE void backward(const struct work *work, float *dweights)
{
    const struct generator_shape *shape = work->shape;
    int width = shape->outputs, offset = generator_unknowns(shape), before = generator_units(shape);
    const float *dz = work->gradient[0];
    for (int layer = shape->hidden.count; layer >= 0; layer--) {
        int fan_in = layer > 0 ? shape->hidden.width[layer - 1] : shape->inputs;
        int stride = layer > 0 ? LANES : work->lanes;
        before -= layer > 0 ? fan_in : 0;
        const float *in = layer > 0 ? work->units + before * LANES : work->x;
        float *dh = work->gradient[dz == work->gradient[0]];
        offset -= fan_in * width;
        for (int i = 0; i < fan_in; i++) {
            float_lanes input = *number(in, i, stride), sum = {0};
            for (int j = 0; j < width; j++) {
                *number(dweights, offset + i * width + j, work->lanes) += input * *number(dz, j, LANES);
                if (layer > 0)
                    sum +=
                        *number(work->weights, offset + i * width + j, work->lanes) * *number(dz, j, LANES);
            }
            if (layer > 0)
                *number(dh, i, LANES) = sum * *number(work->slopes, before + i, LANES);
        }
        dz = dh;
        width = fan_in;
    }
}

INLINE void apply(const struct generator_shape *shape, const enum generator_activation activation,
                  const float *weights, const float *x, int points, int lanes, float *scratch, float *y)
{
    struct work work = work_of(shape, lanes, scratch);
    for (int first = 0; first < lanes; first += LANES) {
        work.weights = weights + first;
        for (int p = 0; p < points; p++) {
            work.x = x + (size_t)(p * shape->inputs) * (size_t)lanes + first;
            forward(&work, activation, false, y + (size_t)(p * shape->outputs) * (size_t)lanes + first,
                    lanes);
        }
    }
}

INLINE void loss_of(const struct generator_shape *shape, const enum generator_activation activation,
                    const float *weights, const float *x, const float *target, int points, int lanes,
                    float scale, float *scratch, float *loss, float *dweights)
{
    struct work work = work_of(shape, lanes, scratch);
    int unknowns = generator_unknowns(shape), outputs = shape->outputs;
    float each = 2 * scale / (float)(points * outputs);
    for (int first = 0; first < lanes; first += LANES) {
        float_lanes total = {0};
        work.weights = weights + first;
        for (int k = 0; k < unknowns; k++)
            *number(dweights + first, k, lanes) = (float_lanes){0};
        for (int p = 0; p < points; p++) {
            work.x = x + (size_t)(p * shape->inputs) * (size_t)lanes + first;
            forward(&work, activation, true, work.gradient[0], LANES);
            for (int j = 0; j < outputs; j++) {
                float_lanes *y = number(work.gradient[0], j, LANES);
                float_lanes error = *y - *number(target + first, p * outputs + j, lanes);
                total += error * error;
                *y = each * error;
            }
            backward(&work, dweights + first);
        }
        *number(loss + first, 0, lanes) = total / (float)(points * outputs);
    }
}

// One copy of the loops for each activation, so that a lane's work is known where it is compiled.
#define FOR_EACH_ACTIVATION(activation, call)                                                                \
    switch (activation) {                                                                                    \
    case ACTIVATION_RELU:                                                                                    \
        call(ACTIVATION_RELU);                                                                               \
        break;                                                                                               \
    case ACTIVATION_LEAKY_RELU:                                                                              \
        call(ACTIVATION_LEAKY_RELU);                                                                         \
        break;                                                                                               \
    case ACTIVATION_TANH:                                                                                    \
        call(ACTIVATION_TANH);                                                                               \
        break;                                                                                               \
    case ACTIVATION_GELU:                                                                                    \
        call(ACTIVATION_GELU);                                                                               \
        break;                                                                                               \
    }

CLONES
void generator_apply(const struct generator_shape *shape, const float *weights, const float *x, int points,
                     int lanes, float *scratch, float *y){
#define APPLY(activation) apply(shape, activation, weights, x, points, lanes, scratch, y)
    FOR_EACH_ACTIVATION(shape->activation, APPLY)
#undef APPLY
}

CLONES void generator_loss(const struct generator_shape *shape, const float *weights, const float *x,
                           const float *target, int points, int lanes, float scale, float *scratch,
                           float *loss, float *dweights)
{
#define LOSS(activation)                                                                                     \
    loss_of(shape, activation, weights, x, target, points, lanes, scale, scratch, loss, dweights)
    FOR_EACH_ACTIVATION(shape->activation, LOSS)
#undef LOSS
}
