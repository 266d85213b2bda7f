/* The loops of generator_jacobian.h, compiled once per instruction set. */
#include "task/generator_jacobian.h"

#include "kernel/math.h"
#include "kernel/simd_double.h"
#include "spec/batch_workspace.h"

#include <math.h>

// One point of SIMD_DOUBLES systems, whose elements are BATCHED doubles apart.
struct operands {
    const struct generator_shape *shape;
    const double *weights;  // [unknowns]
    const double *x;        // [d]
    double *units, *slopes; // [hidden units of all layers]
    double *gradient[2];    // [widest], at the units of a layer, used alternately
};

SIMD_INLINE simd_double load(const double *array, int k)
{
    return simd_load_double(array + (size_t)k * BATCHED);
}

SIMD_INLINE void store(double *array, int k, simd_double value)
{
    simd_store_double(array + (size_t)k * BATCHED, value);
}

typedef int64_t simd_mask __attribute__((vector_size(8 * SIMD_DOUBLES)));

// The activation and the slope of tanh and gelu, element by element.
static void smooth_activation(enum generator_activation activation, double z[SIMD_DOUBLES],
                              double slope[SIMD_DOUBLES])
{
    for (int l = 0; l < SIMD_DOUBLES; l++)
        if (activation == ACTIVATION_TANH) {
            z[l] = math_tanh(z[l]);
            slope[l] = 1 - z[l] * z[l];
        } else {
            double phi = 0.5 * (1 + math_erf(z[l] * M_SQRT1_2)),
                   density = 0.5 * M_2_SQRTPI * M_SQRT1_2 * math_exp(-0.5 * z[l] * z[l]);
            slope[l] = phi + z[l] * density;
            z[l] *= phi;
        }
}

SIMD_INLINE simd_double activate(enum generator_activation activation, simd_double z, simd_double *slope)
{
    double value[SIMD_DOUBLES], slopes[SIMD_DOUBLES];
    const simd_double one = (simd_double){0} + 1;
    simd_mask positive = z > 0;
    switch (activation) {
    case ACTIVATION_RELU:
        *slope = (simd_double)((simd_mask)one & positive);
        return (simd_double)((simd_mask)z & ~(simd_mask)(z < 0));
    case ACTIVATION_LEAKY_RELU:
        *slope = (simd_double)(((simd_mask)one & positive) | ((simd_mask)(0.01 * one) & ~positive));
        return *slope * z;
    default:
        simd_store_double(value, z);
        smooth_activation(activation, value, slopes);
        *slope = simd_load_double(slopes);
        return simd_load_double(value);
    }
}

// Output j of a layer: sum over i of in[i] w[i, j].
SIMD_INLINE simd_double layer_output(const double *in, const double *w, int fan_in, int width, int j)
{
    simd_double sum = {0};
    for (int i = 0; i < fan_in; i++)
        sum += load(in, i) * load(w, i * width + j);
    return sum;
}

// Computes the activations and slopes. Returns the inputs of the output layer.
SIMD_INLINE const double *forward_hidden(const struct operands *op)
{
    const struct generator_shape *shape = op->shape;
    const double *in = op->x, *w = op->weights;
    int fan_in = shape->inputs, done = 0;
    for (int layer = 0; layer < shape->hidden.count; layer++) {
        int width = shape->hidden.width[layer];
        for (int j = 0; j < width; j++) {
            simd_double slope, z = layer_output(in, w, fan_in, width, j);
            store(op->units, done + j, activate(shape->activation, z, &slope));
            store(op->slopes, done + j, slope);
        }
        in = op->units + (size_t)done * BATCHED;
        w += (size_t)(fan_in * width) * BATCHED;
        done += width;
        fan_in = width;
    }
    return in;
}

// Computes the derivatives of output k by the output layer's weights, and the gradient at the units below.
SIMD_INLINE void differentiate_output(const struct operands *op, int k, simd_double scale, double *row)
{
    const struct generator_shape *shape = op->shape;
    int outputs = shape->outputs, hidden = shape->hidden.count;
    int fan_in = hidden ? widths_last(&shape->hidden) : shape->inputs;
    int offset = generator_unknowns(shape) - fan_in * outputs, before = generator_units(shape) - fan_in;
    for (int i = 0; i < fan_in; i++) {
        simd_double input = hidden ? load(op->units, before + i) : load(op->x, i);
        for (int j = 0; j < outputs; j++)
            store(row, offset + i * outputs + j, j == k ? scale * input : (simd_double){0});
        if (hidden)
            store(op->gradient[0], i,
                  scale * load(op->weights, offset + i * outputs + k) * load(op->slopes, before + i));
    }
}

// Computes the derivatives by the weights of the hidden layers, from the gradient at the last layer's units.
SIMD_INLINE void differentiate_hidden(const struct operands *op, double *row)
{
    const struct generator_shape *shape = op->shape;
    int width = shape->hidden.count ? widths_last(&shape->hidden) : 0;
    int offset = generator_unknowns(shape) - width * shape->outputs, before = generator_units(shape) - width;
    const double *dz = op->gradient[0];
    for (int layer = shape->hidden.count - 1; layer >= 0; layer--) {
        int fan_in = layer > 0 ? shape->hidden.width[layer - 1] : shape->inputs;
        double *dh = op->gradient[dz == op->gradient[0]];
        before -= layer > 0 ? fan_in : 0;
        offset -= fan_in * width;
        for (int i = 0; i < fan_in; i++) {
            simd_double input = layer > 0 ? load(op->units, before + i) : load(op->x, i), sum = {0};
            for (int j = 0; j < width; j++) {
                store(row, offset + i * width + j, input * load(dz, j));
                if (layer > 0)
                    sum += load(op->weights, offset + i * width + j) * load(dz, j);
            }
            if (layer > 0)
                store(dh, i, sum * load(op->slopes, before + i));
        }
        dz = dh;
        width = fan_in;
    }
}

SIMD_INLINE void compute(const struct generator_pairs *pairs, struct operands *op, int l, double *residual,
                         double *jacobian)
{
    const struct generator_shape *shape = pairs->shape;
    int outputs = shape->outputs, unknowns = generator_unknowns(shape);
    int inputs = shape->hidden.count ? widths_last(&shape->hidden) : shape->inputs;
    const double *w = op->weights + (size_t)(unknowns - inputs * outputs) * BATCHED, *y = pairs->y + l;
    simd_double scale = simd_load_double(pairs->scale + l);
    op->x = pairs->x + l;
    for (int p = 0; p < pairs->points; p++, op->x += shape->inputs * BATCHED) {
        const double *in = forward_hidden(op);
        for (int k = 0; k < outputs; k++, y += BATCHED, residual += BATCHED) {
            simd_double output = layer_output(in, w, inputs, outputs, k);
            simd_store_double(residual, scale * (output - simd_load_double(y)));
            if (!jacobian)
                continue;
            differentiate_output(op, k, scale, jacobian);
            differentiate_hidden(op, jacobian);
            jacobian += (size_t)unknowns * BATCHED;
        }
    }
}

void SIMD_NAME(generator_jacobian)(const struct generator_pairs *pairs, const double *weights,
                                   double *residual, double *jacobian)
{
    size_t units = (size_t)generator_units(pairs->shape) * BATCHED,
           widest = (size_t)generator_widest(pairs->shape) * BATCHED;
    for (int l = 0; l < BATCHED; l += SIMD_DOUBLES) {
        double *scratch = pairs->scratch + l;
        struct operands op = {.shape = pairs->shape,
                              .weights = weights + l,
                              .units = scratch,
                              .slopes = scratch + units,
                              .gradient = {scratch + 2 * units, scratch + 2 * units + widest}};
        compute(pairs, &op, l, residual + l, jacobian ? jacobian + l : NULL);
    }
}
