#include "task/generator.h"

#include "spec/batch_workspace.h"
#include "task/generator_activation.h"

#include <math.h>
#include <stddef.h>

void SIMD_NAME(generator_scale_weights)(const struct generator_shape *shape, float *weights, int lanes)
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

// Operands of SIMD_FLOATS generators at one point.
struct operands {
    const struct generator_shape *shape;
    const float *weights; // [unknowns, lanes]
    const float *x;       // [d, lanes]
    int lanes;
    float *units, *slopes; // [hidden units of all layers, SIMD_FLOATS]
    float *gradient[2];    // [widest, SIMD_FLOATS], at the units of a layer, used alternately
};

static struct operands operands_of(const struct generator_shape *shape, int lanes, float *scratch)
{
    int units = generator_units(shape), widest = generator_widest(shape);
    float *gradient = scratch + 2 * units * SIMD_FLOATS;
    return (struct operands){.shape = shape,
                             .lanes = lanes,
                             .units = scratch,
                             .slopes = scratch + units * SIMD_FLOATS,
                             .gradient = {gradient, gradient + widest * SIMD_FLOATS}};
}

// Element k of SIMD_FLOATS generators, in an array with rows of `stride` floats.
SIMD_INLINE simd_float element(const float *array, int k, int stride)
{
    return simd_load(array + (size_t)k * (size_t)stride);
}

SIMD_INLINE void set_element(float *array, int k, int stride, simd_float value)
{
    simd_store(array + (size_t)k * (size_t)stride, value);
}

// Output j of a layer: sum over i of in[i] w[i, j].
SIMD_INLINE simd_float layer_output(const float *in, int in_stride, const float *w, int lanes, int fan_in,
                                    int width, int j)
{
    simd_float sum = {0};
    for (int i = 0; i < fan_in; i++)
        sum = simd_fma(element(in, i, in_stride), element(w, i * width + j, lanes), sum);
    return sum;
}

// Computes y [o, y_stride]; with `slopes` also stores the slopes of the activations for the backward pass.
SIMD_INLINE void forward(const struct operands *op, const enum generator_activation activation,
                         const bool slopes, float *y, int y_stride)
{
    const struct generator_shape *shape = op->shape;
    const float *in = op->x, *w = op->weights;
    int fan_in = shape->inputs, stride = op->lanes, done = 0;
    for (int layer = 0; layer < shape->hidden.count; layer++) {
        int width = shape->hidden.width[layer];
        for (int j = 0; j < width; j++) {
            simd_float slope, z = layer_output(in, stride, w, op->lanes, fan_in, width, j);
            set_element(op->units, done + j, SIMD_FLOATS, generator_activation_value(activation, z, &slope));
            if (slopes)
                set_element(op->slopes, done + j, SIMD_FLOATS, slope);
        }
        in = op->units + done * SIMD_FLOATS;
        stride = SIMD_FLOATS;
        w += (size_t)(fan_in * width) * (size_t)op->lanes;
        done += width;
        fan_in = width;
    }
    for (int j = 0; j < shape->outputs; j++)
        set_element(y, j, y_stride, layer_output(in, stride, w, op->lanes, fan_in, shape->outputs, j));
}

// Adds the gradient at the weights to dweights [unknowns, lanes]; gradient[0] holds the gradient at the
// outputs.
SIMD_INLINE void backward(const struct operands *op, float *dweights)
{
    const struct generator_shape *shape = op->shape;
    int width = shape->outputs, offset = generator_unknowns(shape), before = generator_units(shape);
    const float *dz = op->gradient[0];
    for (int layer = shape->hidden.count; layer >= 0; layer--) {
        int fan_in = layer > 0 ? shape->hidden.width[layer - 1] : shape->inputs;
        int stride = layer > 0 ? SIMD_FLOATS : op->lanes;
        before -= layer > 0 ? fan_in : 0;
        const float *in = layer > 0 ? op->units + before * SIMD_FLOATS : op->x;
        float *dh = op->gradient[dz == op->gradient[0]];
        offset -= fan_in * width;
        for (int i = 0; i < fan_in; i++) {
            simd_float input = element(in, i, stride), sum = {0};
            for (int j = 0; j < width; j++) {
                int k = offset + i * width + j;
                simd_float gradient = element(dz, j, SIMD_FLOATS);
                set_element(dweights, k, op->lanes,
                            simd_fma(input, gradient, element(dweights, k, op->lanes)));
                if (layer > 0)
                    sum = simd_fma(element(op->weights, k, op->lanes), gradient, sum);
            }
            if (layer > 0)
                set_element(dh, i, SIMD_FLOATS, sum * element(op->slopes, before + i, SIMD_FLOATS));
        }
        dz = dh;
        width = fan_in;
    }
}

SIMD_INLINE void apply(const struct generator_shape *shape, const enum generator_activation activation,
                       const float *weights, const float *x, int points, int lanes, float *scratch, float *y)
{
    struct operands op = operands_of(shape, lanes, scratch);
    for (int first = 0; first < lanes; first += SIMD_FLOATS) {
        op.weights = weights + first;
        for (int p = 0; p < points; p++) {
            op.x = x + (size_t)(p * shape->inputs) * (size_t)lanes + first;
            forward(&op, activation, false, y + (size_t)(p * shape->outputs) * (size_t)lanes + first, lanes);
        }
    }
}

SIMD_INLINE void loss_of(const struct generator_shape *shape, const enum generator_activation activation,
                         const float *weights, const float *x, const float *target, int points, int lanes,
                         float scale, float *scratch, float *loss, float *dweights)
{
    struct operands op = operands_of(shape, lanes, scratch);
    int unknowns = generator_unknowns(shape), outputs = shape->outputs;
    float gradient_scale = 2 * scale / (float)(points * outputs);
    for (int first = 0; first < lanes; first += SIMD_FLOATS) {
        simd_float total = {0};
        op.weights = weights + first;
        for (int k = 0; k < unknowns; k++)
            set_element(dweights + first, k, lanes, (simd_float){0});
        for (int p = 0; p < points; p++) {
            op.x = x + (size_t)(p * shape->inputs) * (size_t)lanes + first;
            forward(&op, activation, true, op.gradient[0], SIMD_FLOATS);
            for (int j = 0; j < outputs; j++) {
                simd_float error =
                    element(op.gradient[0], j, SIMD_FLOATS) - element(target + first, p * outputs + j, lanes);
                total = simd_fma(error, error, total);
                set_element(op.gradient[0], j, SIMD_FLOATS, gradient_scale * error);
            }
            backward(&op, dweights + first);
        }
        simd_store(loss + first, total / (float)(points * outputs));
    }
}

// Calls one copy of the loops per activation, so the activation is a compile-time constant in each copy.
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

void SIMD_NAME(generator_apply)(const struct generator_shape *shape, const float *weights, const float *x,
                                int points, int lanes, float *scratch, float *y)
{
#define APPLY(activation) apply(shape, activation, weights, x, points, lanes, scratch, y)
    FOR_EACH_ACTIVATION(shape->activation, APPLY)
#undef APPLY
}

void SIMD_NAME(generator_loss)(const struct generator_shape *shape, const float *weights, const float *x,
                               const float *target, int points, int lanes, float scale, float *scratch,
                               float *loss, float *dweights)
{
#define LOSS(activation)                                                                                     \
    loss_of(shape, activation, weights, x, target, points, lanes, scale, scratch, loss, dweights)
    FOR_EACH_ACTIVATION(shape->activation, LOSS)
#undef LOSS
}
