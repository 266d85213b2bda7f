#include "task/generator.h"

#include "spec/batch_workspace.h"
#include "task/generator_activation.h"

#include <math.h>
#include <string.h>

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

// Operands of SIMD_FLOATS generators at a block of points.
struct operands {
    const struct generator_shape *shape;
    float *weights, *dweights; // [unknowns, SIMD_FLOATS], copies: rows `lanes` apart share few cache sets
    const float *x;            // [points d, lanes]
    int lanes;
    float *units, *slopes; // [hidden units of all layers, points, SIMD_FLOATS]
    float *gradient[2];    // [widest, points, SIMD_FLOATS], at the units of a layer, used alternately
};

// Element k of point q is at + k * element + q * point.
struct values {
    float *at;
    size_t element, point;
};

static struct operands operands_of(const struct generator_shape *shape, int lanes, float *scratch)
{
    size_t row = GENERATOR_POINTS * SIMD_FLOATS, units = (size_t)generator_units(shape) * row,
           widest = (size_t)generator_widest(shape) * row;
    float *gradient = scratch + 2 * units, *weights = gradient + 2 * widest;
    return (struct operands){.shape = shape,
                             .lanes = lanes,
                             .units = scratch,
                             .slopes = scratch + units,
                             .gradient = {gradient, gradient + widest},
                             .weights = weights,
                             .dweights = weights + generator_unknowns(shape) * SIMD_FLOATS};
}

// Copies SIMD_FLOATS columns of `rows` rows.
SIMD_INLINE void copy_columns(float *to, size_t to_stride, const float *from, size_t from_stride, int rows)
{
    for (int k = 0; k < rows; k++)
        simd_store(to + (size_t)k * to_stride, simd_load(from + (size_t)k * from_stride));
}

SIMD_INLINE float *element_of(const struct values *values, int k, int q)
{
    return values->at + (size_t)k * values->element + (size_t)q * values->point;
}

// Values at `points` points in a scratch array.
SIMD_INLINE struct values in_scratch(float *at, const int points)
{
    return (struct values){at, (size_t)points * SIMD_FLOATS, SIMD_FLOATS};
}

// `count` values per point in an array [points count, lanes].
SIMD_INLINE struct values in_rows(const float *at, int count, int lanes)
{
    return (struct values){(float *)at, (size_t)lanes, (size_t)count * (size_t)lanes};
}

// Output j of a layer at each point: sum over i of in[i] w[i, j].
SIMD_INLINE void layer_output(simd_float *sum, const struct values *in, const float *w, int fan_in, int width,
                              int j, const int points)
{
    for (int q = 0; q < points; q++)
        sum[q] = (simd_float){0};
    for (int i = 0; i < fan_in; i++) {
        simd_float weight = simd_load(w + (i * width + j) * SIMD_FLOATS);
        SIMD_UNROLL
        for (int q = 0; q < points; q++)
            sum[q] = simd_fma(simd_load(element_of(in, i, q)), weight, sum[q]);
    }
}

// Computes the outputs y; with `slopes` also stores the slopes of the activations for the backward pass.
SIMD_INLINE void forward(const struct operands *op, const enum generator_activation activation,
                         const bool slopes, const int points, const struct values *y)
{
    const struct generator_shape *shape = op->shape;
    struct values in = in_rows(op->x, shape->inputs, op->lanes), units = in_scratch(op->units, points),
                  slope = in_scratch(op->slopes, points);
    const float *w = op->weights;
    int fan_in = shape->inputs;
    simd_float z[GENERATOR_POINTS];
    for (int layer = 0; layer < shape->hidden.count; layer++) {
        int width = shape->hidden.width[layer];
        for (int j = 0; j < width; j++) {
            layer_output(z, &in, w, fan_in, width, j, points);
            SIMD_UNROLL
            for (int q = 0; q < points; q++) {
                simd_float derivative;
                simd_store(element_of(&units, j, q),
                           generator_activation_value(activation, z[q], &derivative));
                if (slopes)
                    simd_store(element_of(&slope, j, q), derivative);
            }
        }
        in = units;
        units.at += (size_t)width * units.element;
        slope.at += (size_t)width * slope.element;
        w += fan_in * width * SIMD_FLOATS;
        fan_in = width;
    }
    for (int j = 0; j < shape->outputs; j++) {
        layer_output(z, &in, w, fan_in, shape->outputs, j, points);
        for (int q = 0; q < points; q++)
            simd_store(element_of(y, j, q), z[q]);
    }
}

// Adds the gradient at the weights of input i of a layer, from weight k on, point by point. sum: becomes the
// gradient at the input; NULL: not needed.
SIMD_INLINE void input_backward(const struct operands *op, const struct values *in, const struct values *dz,
                                int i, int k, int width, simd_float *sum, const int points)
{
    simd_float input[GENERATOR_POINTS];
    for (int q = 0; q < points; q++)
        input[q] = simd_load(element_of(in, i, q));
    for (int q = 0; q < points && sum; q++)
        sum[q] = (simd_float){0};
    for (int j = 0; j < width; j++, k++) {
        simd_float total = simd_load(op->dweights + k * SIMD_FLOATS),
                   weight = simd_load(op->weights + k * SIMD_FLOATS);
        SIMD_UNROLL
        for (int q = 0; q < points; q++) {
            simd_float gradient = simd_load(element_of(dz, j, q));
            total = simd_fma(input[q], gradient, total);
            if (sum)
                sum[q] = simd_fma(weight, gradient, sum[q]);
        }
        simd_store(op->dweights + k * SIMD_FLOATS, total);
    }
}

// Adds the gradient at the weights to dweights; gradient[0] holds the gradient at the outputs.
SIMD_INLINE void backward(const struct operands *op, const int points)
{
    const struct generator_shape *shape = op->shape;
    int width = shape->outputs, offset = generator_unknowns(shape), before = generator_units(shape), from = 0;
    for (int layer = shape->hidden.count; layer >= 0; layer--) {
        int fan_in = layer > 0 ? shape->hidden.width[layer - 1] : shape->inputs;
        before -= layer > 0 ? fan_in : 0;
        size_t at = (size_t)before * (size_t)points * SIMD_FLOATS;
        const struct values slope = in_scratch(op->slopes + at, points),
                            dz = in_scratch(op->gradient[from], points),
                            dh = in_scratch(op->gradient[!from], points),
                            in = layer > 0 ? in_scratch(op->units + at, points)
                                           : in_rows(op->x, fan_in, op->lanes);
        offset -= fan_in * width;
        for (int i = 0; i < fan_in; i++) {
            simd_float sum[GENERATOR_POINTS];
            input_backward(op, &in, &dz, i, offset + i * width, width, layer > 0 ? sum : NULL, points);
            for (int q = 0; q < points && layer > 0; q++)
                simd_store(element_of(&dh, i, q), sum[q] * simd_load(element_of(&slope, i, q)));
        }
        from = !from;
        width = fan_in;
    }
}

SIMD_INLINE void apply_block(struct operands *op, const enum generator_activation activation, const float *x,
                             const int points, float *y)
{
    const struct values outputs = in_rows(y, op->shape->outputs, op->lanes);
    op->x = x;
    forward(op, activation, false, points, &outputs);
}

SIMD_INLINE void apply(const struct generator_shape *shape, const enum generator_activation activation,
                       const float *weights, const float *x, int points, int lanes, float *scratch, float *y)
{
    struct operands op = operands_of(shape, lanes, scratch);
    size_t d = (size_t)shape->inputs * (size_t)lanes, o = (size_t)shape->outputs * (size_t)lanes;
    for (int first = 0; first < lanes; first += SIMD_FLOATS) {
        size_t p = 0;
        copy_columns(op.weights, SIMD_FLOATS, weights + first, (size_t)lanes, generator_unknowns(shape));
        for (; p + GENERATOR_POINTS <= (size_t)points; p += GENERATOR_POINTS)
            apply_block(&op, activation, x + p * d + first, GENERATOR_POINTS, y + p * o + first);
        for (; p < (size_t)points; p++)
            apply_block(&op, activation, x + p * d + first, 1, y + p * o + first);
    }
}

// Returns `total` plus the squared errors at a block of points, one by one, and adds their gradient.
SIMD_INLINE simd_float loss_block(struct operands *op, const enum generator_activation activation,
                                  const float *x, const float *target, const int points, float scale,
                                  simd_float total)
{
    int outputs = op->shape->outputs;
    const struct values y = in_scratch(op->gradient[0], points), truth = in_rows(target, outputs, op->lanes);
    op->x = x;
    forward(op, activation, true, points, &y);
    for (int q = 0; q < points; q++)
        for (int j = 0; j < outputs; j++) {
            simd_float error = simd_load(element_of(&y, j, q)) - simd_load(element_of(&truth, j, q));
            total = simd_fma(error, error, total);
            simd_store(element_of(&y, j, q), scale * error);
        }
    backward(op, points);
    return total;
}

SIMD_INLINE void loss_of(const struct generator_shape *shape, const enum generator_activation activation,
                         const float *weights, const float *x, const float *target, int points, int lanes,
                         float scale, float *scratch, float *loss, float *dweights)
{
    struct operands op = operands_of(shape, lanes, scratch);
    size_t d = (size_t)shape->inputs * (size_t)lanes, o = (size_t)shape->outputs * (size_t)lanes;
    int unknowns = generator_unknowns(shape);
    float values = (float)(points * shape->outputs), gradient_scale = 2 * scale / values;
    for (int first = 0; first < lanes; first += SIMD_FLOATS) {
        simd_float total = {0};
        size_t p = 0;
        copy_columns(op.weights, SIMD_FLOATS, weights + first, (size_t)lanes, unknowns);
        memset(op.dweights, 0, (size_t)unknowns * SIMD_FLOATS * sizeof(float));
        for (; p + GENERATOR_POINTS <= (size_t)points; p += GENERATOR_POINTS)
            total = loss_block(&op, activation, x + p * d + first, target + p * o + first, GENERATOR_POINTS,
                               gradient_scale, total);
        for (; p < (size_t)points; p++)
            total = loss_block(&op, activation, x + p * d + first, target + p * o + first, 1, gradient_scale,
                               total);
        copy_columns(dweights + first, (size_t)lanes, op.dweights, SIMD_FLOATS, unknowns);
        simd_store(loss + first, total / values);
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
