#include "model/residuals.h"

#include "kernel/math.h"
#include "spec/batch_workspace.h"
#include "spec/buffer_sizes.h"

#include <math.h>
#include <string.h>

// A block of at most LANES pairs, one per lane. Unused lanes hold x = y = 0 and have no residual, since every
// activation is 0 at 0. All arrays are [k, LANES].
struct block {
    const struct generator_shape *shape;
    const float *weights;   // [unknowns], the same in all lanes
    float *x;               // [d]
    float *units, *slopes;  // [hidden units of all layers]
    float *gradient[2];     // [widest], at the units of a layer, used alternately
    float *weight_gradient; // [unknowns], summed over all blocks
};

static struct block block_of(const struct generator_shape *shape, const float *weights, float *scratch)
{
    struct block block = {.shape = shape, .weights = weights};
    float **const arrays[] = {&block.x,           &block.units,       &block.slopes,
                              &block.gradient[0], &block.gradient[1], &block.weight_gradient};
    const int rows[] = {shape->inputs,           generator_units(shape),  generator_units(shape),
                        generator_widest(shape), generator_widest(shape), generator_unknowns(shape)};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        *arrays[i] = scratch;
        scratch += rows[i] * LANES;
    }
    return block;
}

static void activate(enum generator_activation activation, const float z[LANES], float *value, float *slope)
{
    for (int l = 0; l < LANES; l++)
        switch (activation) {
        case ACTIVATION_RELU:
            slope[l] = z[l] > 0 ? 1 : 0;
            value[l] = z[l] < 0 ? 0 : z[l];
            break;
        case ACTIVATION_LEAKY_RELU:
            slope[l] = z[l] > 0 ? 1 : 0.01f;
            value[l] = slope[l] * z[l];
            break;
        case ACTIVATION_TANH:
            value[l] = (float)math_tanh((double)z[l]);
            slope[l] = 1 - value[l] * value[l];
            break;
        case ACTIVATION_GELU: {
            double at = (double)z[l], phi = 0.5 * (1 + math_erf(at * M_SQRT1_2));
            value[l] = (float)(at * phi);
            slope[l] = (float)(phi + at * 0.5 * M_2_SQRTPI * M_SQRT1_2 * math_exp(-0.5 * at * at));
        }
        }
}

static void clear(float *row)
{
    memset(row, 0, LANES * sizeof *row);
}

// Output j of a layer: sum over i of in[i] w[i, j].
static void layer_output(const float *in, const float *w, int fan_in, int width, int j, float z[LANES])
{
    clear(z);
    for (int i = 0; i < fan_in; i++)
        for (int l = 0; l < LANES; l++)
            z[l] += in[i * LANES + l] * w[i * width + j];
}

// Computes the hidden units and their slopes, and y in gradient[0].
static void forward(const struct block *block)
{
    const struct generator_shape *shape = block->shape;
    const float *in = block->x, *w = block->weights;
    int fan_in = shape->inputs, done = 0;
    for (int layer = 0; layer < shape->hidden.count; layer++) {
        int width = shape->hidden.width[layer];
        for (int j = 0; j < width; j++) {
            float z[LANES];
            layer_output(in, w, fan_in, width, j, z);
            activate(shape->activation, z, block->units + (done + j) * LANES,
                     block->slopes + (done + j) * LANES);
        }
        in = block->units + done * LANES;
        w += fan_in * width;
        done += width;
        fan_in = width;
    }
    for (int j = 0; j < shape->outputs; j++)
        layer_output(in, w, fan_in, shape->outputs, j, block->gradient[0] + j * LANES);
}

// Adds input * dz of one weight to its gradient, and weight * dz to dh.
static void weight_backward(float *weight_gradient, float *dh, const float *input, float weight,
                            const float *dz)
{
    for (int l = 0; l < LANES; l++) {
        weight_gradient[l] += input[l] * dz[l];
        dh[l] += weight * dz[l];
    }
}

// Adds to weight_gradient; gradient[0] holds the gradient at the outputs.
static void backward(const struct block *block)
{
    const struct generator_shape *shape = block->shape;
    int width = shape->outputs, offset = generator_unknowns(shape), before = generator_units(shape);
    const float *dz = block->gradient[0];
    for (int layer = shape->hidden.count; layer >= 0; layer--) {
        int fan_in = layer > 0 ? shape->hidden.width[layer - 1] : shape->inputs;
        before -= layer > 0 ? fan_in : 0;
        offset -= fan_in * width;
        const float *in = layer > 0 ? block->units + before * LANES : block->x;
        float *dh = block->gradient[dz == block->gradient[0]];
        for (int i = 0; i < fan_in; i++) {
            float sum[LANES];
            clear(sum);
            for (int j = 0, k = offset + i * width; j < width; j++, k++)
                weight_backward(block->weight_gradient + k * LANES, sum, in + i * LANES, block->weights[k],
                                dz + j * LANES);
            for (int l = 0; l < LANES && layer > 0; l++)
                dh[i * LANES + l] = sum[l] * block->slopes[(before + i) * LANES + l];
        }
        dz = dh;
        width = fan_in;
    }
}

static void load_inputs(const struct block *block, const float *pairs, int count)
{
    int d = block->shape->inputs, width = d + block->shape->outputs;
    for (int k = 0; k < d; k++)
        for (int l = 0; l < LANES; l++)
            block->x[k * LANES + l] = l < count ? pairs[l * width + k] : 0;
}

// Turns the y of the generator in gradient[0] into residuals, and writes the features.
static void write_features(const struct block *block, const float *pairs, int count, float *features)
{
    int d = block->shape->inputs, o = block->shape->outputs, units = generator_units(block->shape);
    float *residual = block->gradient[0];
    for (int l = 0; l < count; l++, pairs += d + o) {
        memcpy(features, pairs, (size_t)(d + o) * sizeof *features);
        features += d + o;
        for (int k = 0; k < o; k++) {
            residual[k * LANES + l] -= pairs[d + k];
            *features++ = 4 * residual[k * LANES + l];
        }
        for (int k = 0; k < units; k++)
            *features++ = block->units[k * LANES + l];
    }
}

void residuals_compute(const struct generator_shape *shape, int n, const float *weights, const float *pairs,
                       float *features, float *gradient, float *scratch)
{
    int unknowns = generator_unknowns(shape), width = shape->inputs + shape->outputs;
    const struct block block = block_of(shape, weights, scratch);
    memset(block.weight_gradient, 0, (size_t)unknowns * LANES * sizeof(float));
    for (int first = 0; first < n; first += LANES) {
        int count = n - first < LANES ? n - first : LANES;
        load_inputs(&block, pairs + first * width, count);
        forward(&block);
        write_features(&block, pairs + first * width, count,
                       features + first * (width + shape->outputs + generator_units(shape)));
        backward(&block);
    }
    for (int k = 0; k < unknowns; k++) {
        gradient[k] = 0;
        for (int l = 0; l < LANES; l++)
            gradient[k] += block.weight_gradient[k * LANES + l];
        gradient[k] /= (float)n;
    }
}
