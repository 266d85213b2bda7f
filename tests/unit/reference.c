#include "reference.h"

#include "base/memory.h"
#include "kernel/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

float *reference_floats(size_t count)
{
    void *floats = NULL;
    assert_int_equal(memory_alloc(count * sizeof(float), &floats), STATUS_OK);
    return floats;
}

// A splitmix64 generator and sums of twelve uniforms: nothing of the program under test.
static double uniform(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

void reference_fill(float *values, size_t count, int64_t seed)
{
    uint64_t state = (uint64_t)seed;
    for (size_t i = 0; i < count; i++) {
        double sum = -6;
        for (int k = 0; k < 12; k++)
            sum += uniform(&state);
        values[i] = (float)sum;
    }
}

double reference_residual(const float *got, const double *want, size_t count)
{
    double error = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(got[i]))
            return INFINITY;
        error = fmax(error, fabs((double)got[i] - want[i]));
        size = fmax(size, fabs(want[i]));
    }
    return error == 0 ? 0 : error / size;
}

void reference_assert_close(const float *got, const double *want, size_t count, double threshold,
                            const char *file, int line)
{
    double residual = reference_residual(got, want, count);
    if (residual <= threshold)
        return;
    print_error("residual %.3g of %zu numbers, threshold %.3g\n", residual, count, threshold);
    _fail(file, line);
}

void reference_multiply(int m, int n, int k, const double *a, int a_row, int a_column, const double *b,
                        int b_row, int b_column, double *c, bool add)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = add ? c[i * n + j] : 0;
            for (int l = 0; l < k; l++)
                sum += a[i * a_row + l * a_column] * b[l * b_row + j * b_column];
            c[i * n + j] = sum;
        }
}

// ---- the model ----

const struct tensor *reference_tensor(const struct tensor_table *table, const char *name)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->tensors[i].name, name) == 0)
            return &table->tensors[i];
    fail_msg("no tensor `%s`", name);
    return NULL;
}

// Weight of the layer of that name, or of the first layer of a stack; its bias is the next tensor.
static const struct tensor *weight_of(const struct tensor_table *table, const char *layer)
{
    for (int i = 0; i < table->count; i++)
        if (strncmp(table->tensors[i].name, layer, strlen(layer)) == 0)
            return &table->tensors[i];
    fail_msg("no layer `%s`", layer);
    return NULL;
}

// y = W x + b; returns the width of y.
static int apply(const struct tensor *weight, const double *parameters, const double *x, double *y)
{
    memcpy(y, parameters + weight[1].offset, (size_t)weight->rows * sizeof *y);
    reference_multiply(weight->rows, 1, weight->columns, parameters + weight->offset, weight->columns, 1, x,
                       1, 1, y, true);
    return weight->rows;
}

static int dense(const struct tensor_table *table, const double *parameters, const char *layer,
                 const double *x, double *y)
{
    return apply(weight_of(table, layer), parameters, x, y);
}

enum { WIDEST = 128 }; // numbers in a row

// Dense layers with ReLUs between; `x` is overwritten with the output, which has `width` numbers.
static int stack(const struct tensor_table *table, const double *parameters, const char *prefix, int hidden,
                 double *x)
{
    double y[WIDEST];
    int width = 0;
    const struct tensor *weight = weight_of(table, prefix);
    for (int i = 0; i <= hidden; i++, weight += 2) {
        width = apply(weight, parameters, x, y);
        for (int j = 0; j < width; j++)
            x[j] = i < hidden && y[j] < 0 ? 0 : y[j];
    }
    return width;
}

static const double *values_of(const struct tensor_table *table, const double *parameters, const char *name)
{
    return parameters + reference_tensor(table, name)->offset;
}

// Multi-head attention as it is written in the books: keys and values of every pair.
static void attend(const struct model_spec *model, const struct tensor_table *table, const double *parameters,
                   double (*embedding)[WIDEST], double *pooled)
{
    int width = model->embed_dim, slice = width / model->heads, n = model->pairs;
    const double *query = values_of(table, parameters, "pooling.query");
    double(*key)[WIDEST] = memory_small((size_t)n * sizeof *key);
    double(*value)[WIDEST] = memory_small((size_t)n * sizeof *value);
    double *weight = memory_small((size_t)n * sizeof *weight);
    for (int p = 0; p < n; p++) {
        reference_multiply(width, 1, width, values_of(table, parameters, "pooling.key.weight"), width, 1,
                           embedding[p], 1, 1, key[p], false);
        dense(table, parameters, "pooling.value", embedding[p], value[p]);
    }
    for (int q = 0; q < model->queries; q++) {
        double heads[WIDEST] = {0};
        for (int head = 0; head < model->heads; head++) {
            double most = -INFINITY, sum = 0;
            for (int p = 0; p < n; p++) {
                weight[p] = 0;
                for (int j = head * slice; j < (head + 1) * slice; j++)
                    weight[p] += query[q * width + j] * key[p][j] / sqrt(slice);
                most = fmax(most, weight[p]);
            }
            for (int p = 0; p < n; p++)
                sum += weight[p] = exp(weight[p] - most);
            for (int p = 0; p < n; p++)
                for (int j = head * slice; j < (head + 1) * slice; j++)
                    heads[j] += weight[p] / sum * value[p][j];
        }
        dense(table, parameters, "pooling.output", heads, pooled + q * width);
    }
    free(key);
    free(value);
    free(weight);
}

// One pooling over column j of embedding [pairs, E]; moments write a second result at pooled[E].
static void pool_column(enum pooling_kind pooling, double (*embedding)[WIDEST], int n, int j, int width,
                        double *pooled)
{
    double sum = 0, max = -INFINITY, squares = 0;
    for (int p = 0; p < n; p++) {
        sum += embedding[p][j];
        max = fmax(max, embedding[p][j]);
    }
    for (int p = 0; p < n; p++)
        squares += (embedding[p][j] - sum / n) * (embedding[p][j] - sum / n);
    switch (pooling) {
    case POOLING_MEAN:
        pooled[j] = sum / n;
        break;
    case POOLING_SUM:
        pooled[j] = sum;
        break;
    case POOLING_MAX:
        pooled[j] = max;
        break;
    case POOLING_MOMENTS:
        pooled[j] = sum / n;
        pooled[width + j] = sqrt(squares / n + 1e-6);
        break;
    default:
        fail_msg("no reference of pooling %d", pooling);
    }
}

// embedding [pairs, E] -> the pooled embedding; several poolings side by side
static void pool(const struct model_spec *model, const struct tensor_table *table, const double *parameters,
                 double (*embedding)[WIDEST], double *pooled)
{
    int list[JOINED_MAX], count = joined_list((int)model->pooling, list), width = model->embed_dim;
    if (model->pooling == POOLING_ATTENTION) {
        attend(model, table, parameters, embedding, pooled);
        return;
    }
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < width; j++)
            pool_column((enum pooling_kind)list[i], embedding, model->pairs, j, width, pooled);
        pooled += list[i] == POOLING_MOMENTS ? 2 * width : width;
    }
}

// One set.  pairs [pairs, pair_width], context [context], output [outputs]
static void deep_sets(const struct model_spec *model, const struct tensor_table *table,
                      const double *parameters, const double *pairs, const double *context, double *output)
{
    double(*embedding)[WIDEST] = memory_small((size_t)model->pairs * sizeof *embedding), x[WIDEST];
    for (int p = 0; p < model->pairs; p++, pairs += model->pair_width) {
        memcpy(embedding[p], pairs, (size_t)model->pair_width * sizeof *pairs);
        stack(table, parameters, "encoder.net", model->encoder.count, embedding[p]);
    }
    pool(model, table, parameters, embedding, x);
    for (int j = 0; j < model->context; j++)
        x[model_embedding_width(model) + j] = context[j];
    int width = stack(table, parameters, "decoder", model->decoder.count, x);
    memcpy(output, x, (size_t)width * sizeof *output);
    free(embedding);
}

// Adds the correction of each stage after the first to the prediction of one set.
static void refine(const struct model_spec *model, const double *parameters, const double *pairs,
                   double *prediction)
{
    int outputs = model->outputs;
    for (int i = 1; i < model_stages(model); i++) {
        const struct model_spec before = model_stage(model, i - 1), stage = model_stage(model, i);
        struct tensor_table table;
        double *features = memory_small((size_t)(stage.pairs * stage.pair_width) * sizeof *features);
        double context[WIDEST], correction[WIDEST];
        model_tensors(&before, &table);
        parameters += table.parameters;
        model_tensors(&stage, &table);
        if (model->refine_from == REFINE_FROM_LEAST_SQUARES)
            reference_least_squares_step(&model->generator, model->pairs, pairs, prediction);
        memcpy(context, prediction, (size_t)outputs * sizeof *context);
        reference_residuals(&model->generator, model->pairs, prediction, pairs, features, context + outputs);
        deep_sets(&stage, &table, parameters, features, context, correction);
        for (int k = 0; k < outputs; k++)
            prediction[k] += correction[k];
        free(features);
    }
}

void reference_deep_sets(const struct model_spec *model, const double *parameters, int sets,
                         const float *pairs, double *output)
{
    const struct model_spec first = model_stage(model, 0);
    struct tensor_table table;
    int elements = model->pairs * model->pair_width;
    double *wide = memory_small((size_t)elements * sizeof *wide);
    model_tensors(&first, &table);
    for (int set = 0; set < sets; set++, pairs += elements, output += model->outputs) {
        for (int k = 0; k < elements; k++)
            wide[k] = (double)pairs[k];
        deep_sets(&first, &table, parameters, wide, NULL, output);
        refine(model, parameters, wide, output);
    }
    free(wide);
}

// h = [relu(layer(h)), x] for x-linear, without x for linear; x [inputs], h [WIDEST] is overwritten with the
// output.
static void linear(const struct model_spec *model, const struct tensor_table *table, const double *parameters,
                   const double *x, int inputs, double *h)
{
    double y[WIDEST];
    memcpy(h, x, (size_t)inputs * sizeof *h);
    for (int i = 0; i < model->hidden.count; i++) {
        char layer[32];
        snprintf(layer, sizeof layer, "layers.%d", i);
        int width = dense(table, parameters, layer, h, y);
        for (int j = 0; j < width; j++)
            h[j] = fmax(y[j], 0);
        if (model->kind == MODEL_X_LINEAR)
            memcpy(h + width, x, (size_t)inputs * sizeof *h);
    }
    int width = dense(table, parameters, "output", h, y);
    memcpy(h, y, (size_t)width * sizeof *h);
}

// Two blocks h = relu(main(h) + skip(h)), main = dense, ReLU, dense.
static void res_linear(const struct tensor_table *table, const double *parameters, const double *x, double *h)
{
    static const char *const names[2][3] = {{"blocks.0.main.0", "blocks.0.main.2", "blocks.0.skip"},
                                            {"blocks.1.main.0", "blocks.1.main.2", "blocks.1.skip"}};
    double u[WIDEST], main[WIDEST], skip[WIDEST];
    int width = dense(table, parameters, "input", x, h);
    for (int block = 0; block < 2; block++) {
        dense(table, parameters, names[block][0], h, u);
        for (int j = 0; j < width; j++)
            u[j] = fmax(u[j], 0);
        dense(table, parameters, names[block][1], u, main);
        dense(table, parameters, names[block][2], h, skip);
        for (int j = 0; j < width; j++)
            h[j] = fmax(main[j] + skip[j], 0);
    }
    memcpy(u, h, (size_t)width * sizeof *u);
    dense(table, parameters, "output", u, h);
}

void reference_model(const struct model_spec *model, const double *parameters, int sets, const float *pairs,
                     double *output)
{
    if (model_reads_sets(model)) {
        reference_deep_sets(model, parameters, sets, pairs, output);
        return;
    }
    struct tensor_table table;
    int inputs = model->pairs * model->pair_width;
    model_tensors(model, &table);
    for (int set = 0; set < sets; set++, pairs += inputs, output += model->outputs) {
        double x[WIDEST], h[2 * WIDEST];
        for (int j = 0; j < inputs; j++)
            x[j] = (double)pairs[j];
        switch (model->kind) {
        case MODEL_LINEAR:
        case MODEL_X_LINEAR:
            linear(model, &table, parameters, x, inputs, h);
            break;
        case MODEL_RES_LINEAR:
            res_linear(&table, parameters, x, h);
            break;
        default:
            fail_msg("no reference of model %d", model->kind);
        }
        memcpy(output, h, (size_t)model->outputs * sizeof *output);
    }
}

// ---- the task ----

// The first `count` numbers of each of `sets` indices, [sets, count].
static double *normals(struct random_stream stream, enum random_purpose purpose, int64_t first, int sets,
                       int count)
{
    double *values = memory_small((size_t)sets * (size_t)count * sizeof *values);
    float *drawn = memory_small((size_t)count * sizeof *drawn);
    stream.purpose = purpose;
    for (int set = 0; set < sets; set++) {
        random_normals(drawn, &stream, first + set, 1, count, 1);
        for (int k = 0; k < count; k++)
            values[set * count + k] = (double)drawn[k];
    }
    free(drawn);
    return values;
}

static double activate(enum generator_activation activation, double z)
{
    switch (activation) {
    case ACTIVATION_RELU:
        return fmax(z, 0);
    case ACTIVATION_LEAKY_RELU:
        return z > 0 ? z : 0.01 * z;
    case ACTIVATION_TANH:
        return tanh(z);
    case ACTIVATION_GELU:
        return 0.5 * z * erfc(-z * M_SQRT1_2);
    }
    return NAN;
}

// y [outputs], units [hidden units of all layers], or NULL
static void generator_units_and_output(const struct generator_shape *shape, const double *weights,
                                       const double *x, double *units, double *y)
{
    double in[WIDEST], out[WIDEST];
    int fan_in = shape->inputs;
    memcpy(in, x, (size_t)fan_in * sizeof *in);
    for (int layer = 0; layer <= shape->hidden.count; layer++) {
        bool last = layer == shape->hidden.count;
        int width = last ? shape->outputs : shape->hidden.width[layer];
        for (int j = 0; j < width; j++) {
            out[j] = 0;
            for (int i = 0; i < fan_in; i++)
                out[j] += in[i] * weights[i * width + j];
            if (!last)
                out[j] = activate(shape->activation, out[j]);
        }
        weights += fan_in * width;
        fan_in = width;
        memcpy(in, out, (size_t)width * sizeof *in);
        for (int j = 0; j < width && units && !last; j++)
            *units++ = out[j];
    }
    memcpy(y, in, (size_t)fan_in * sizeof *y);
}

static void generator_output(const struct generator_shape *shape, const double *weights, const double *x,
                             double *y)
{
    generator_units_and_output(shape, weights, x, NULL, y);
}

// Half the sum over pairs and outputs of the squared residuals, and the features.
static double residuals(const struct generator_shape *shape, int n, const double *weights,
                        const double *pairs, double *features)
{
    int d = shape->inputs, o = shape->outputs, units = widths_sum(&shape->hidden);
    double sum = 0, y[WIDEST];
    for (int p = 0; p < n; p++, pairs += d + o, features += d + 2 * o + units) {
        memcpy(features, pairs, (size_t)(d + o) * sizeof *features);
        generator_units_and_output(shape, weights, pairs, features + d + 2 * o, y);
        for (int k = 0; k < o; k++) {
            double residual = y[k] - pairs[d + k];
            features[d + o + k] = 4 * residual;
            sum += residual * residual / 2;
        }
    }
    return sum;
}

void reference_residuals(const struct generator_shape *shape, int n, const double *weights,
                         const double *pairs, double *features, double *gradient)
{
    const double step = 1e-5;
    double at[WIDEST];
    int unknowns = generator_unknowns(shape);
    memcpy(at, weights, (size_t)unknowns * sizeof *at);
    for (int k = 0; k < unknowns; k++) {
        at[k] = weights[k] + step;
        double above = residuals(shape, n, at, pairs, features);
        at[k] = weights[k] - step;
        gradient[k] = (above - residuals(shape, n, at, pairs, features)) / (2 * step * n);
        at[k] = weights[k];
    }
    residuals(shape, n, weights, pairs, features);
}

static void scale_weights(const struct generator_shape *shape, double *weights)
{
    int fan_in = shape->inputs;
    for (int layer = 0; layer <= shape->hidden.count && shape->init == INIT_LECUN; layer++) {
        int width = layer == shape->hidden.count ? shape->outputs : shape->hidden.width[layer];
        for (int k = 0; k < fan_in * width; k++)
            *weights++ /= sqrt(fan_in);
        fan_in = width;
    }
}

// y of the weights minus that of one pair.  r [o]
static void residual_of(const struct generator_shape *shape, const double *weights, const double *pair,
                        double *r)
{
    generator_output(shape, weights, pair, r);
    for (int k = 0; k < shape->outputs; k++)
        r[k] -= pair[shape->inputs + k];
}

// Gaussian elimination.  a [n, WIDEST] is positive definite, b [n] becomes the solution.
static void eliminate(double (*a)[WIDEST], double *b, int n)
{
    for (int i = 0; i < n; i++)
        for (int row = i + 1; row < n; row++) {
            double factor = a[row][i] / a[i][i];
            b[row] -= factor * b[i];
            for (int k = i; k < n; k++)
                a[row][k] -= factor * a[i][k];
        }
    for (int i = n - 1; i >= 0; i--) {
        for (int k = i + 1; k < n; k++)
            b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
}

void reference_least_squares_step(const struct generator_shape *shape, int n, const double *pairs,
                                  double *weights)
{
    static double a[WIDEST][WIDEST];
    const double difference = 1e-5;
    double b[WIDEST] = {0}, at[WIDEST], r[WIDEST], above[WIDEST], below[WIDEST], variance = 0;
    double j[WIDEST][WIDEST]; // [o, unknowns] of one pair
    int unknowns = generator_unknowns(shape), d = shape->inputs, o = shape->outputs;
    memset(a, 0, sizeof a);
    memcpy(at, weights, (size_t)unknowns * sizeof *at);
    for (const double *pair = pairs; pair < pairs + n * (d + o); pair += d + o) {
        residual_of(shape, weights, pair, r);
        for (int i = 0; i < unknowns; i++) {
            at[i] = weights[i] + difference;
            residual_of(shape, at, pair, above);
            at[i] = weights[i] - difference;
            residual_of(shape, at, pair, below);
            at[i] = weights[i];
            for (int k = 0; k < o; k++)
                j[k][i] = (above[k] - below[k]) / (2 * difference);
        }
        for (int k = 0; k < o; k++)
            for (int i = 0; i < unknowns; i++) {
                b[i] -= j[k][i] * r[k];
                for (int m = 0; m < unknowns; m++)
                    a[i][m] += j[k][i] * j[k][m];
            }
        for (int k = 0; k < o; k++)
            variance += r[k] * r[k] / (n * o);
    }
    double deviation[WIDEST]; // of the prior
    for (int i = 0; i < unknowns; i++)
        deviation[i] = 1;
    scale_weights(shape, deviation);
    for (int i = 0; i < unknowns; i++)
        a[i][i] += variance / (deviation[i] * deviation[i]);
    eliminate(a, b, unknowns);
    for (int i = 0; i < unknowns; i++)
        weights[i] += b[i];
}

void reference_batch_init(struct reference_batch *batch, const struct task_spec *task, enum task_part part,
                          int64_t seed, int64_t step, int64_t first, int sets)
{
    const struct generator_shape *shape = &task->generator;
    struct random_stream stream = {.seed = seed, .step = step};
    bool train = part == TASK_TRAIN, forward = !task_reads_pairs(task);
    int d = shape->inputs, o = shape->outputs, n = task->equations, points = task->eval_points;
    int unknowns = generator_unknowns(shape), width = task_pair_width(task);
    double *weights =
        normals(stream, train ? RANDOM_TRAIN_GENERATOR : RANDOM_HELD_OUT_GENERATOR, first, sets, unknowns);
    double *inputs = normals(stream, train ? RANDOM_TRAIN_INPUT : RANDOM_HELD_OUT_INPUT, first, sets, n * d);
    *batch = (struct reference_batch){.task = *task, .sets = sets, .unknowns = unknowns, .weights = weights};
    batch->probes =
        normals(stream, train ? RANDOM_TRAIN_PROBE : RANDOM_HELD_OUT_PROBE, first, sets, points * d);
    batch->pairs = memory_small((size_t)(sets * n * width) * sizeof(double));
    batch->probe_output = memory_small((size_t)(sets * points * o) * sizeof(double));
    for (int set = 0; set < sets; set++) {
        double *w = weights + set * unknowns;
        scale_weights(shape, w);
        for (int p = 0; p < n; p++) {
            double *pair = batch->pairs + (set * n + p) * width;
            memcpy(pair, (forward ? batch->probes : inputs) + (set * n + p) * d, (size_t)d * sizeof *pair);
            if (forward)
                memcpy(pair + d, w, (size_t)unknowns * sizeof *pair);
            else
                generator_output(shape, w, pair, pair + d);
        }
        for (int p = set * points; p < (set + 1) * points; p++)
            generator_output(shape, w, batch->probes + p * d, batch->probe_output + p * o);
    }
    free(inputs);
}

void reference_batch_free(struct reference_batch *batch)
{
    free(batch->weights);
    free(batch->pairs);
    free(batch->probes);
    free(batch->probe_output);
}

static double squared_error(const double *a, const double *b, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum / count;
}

double reference_functional_loss(const struct reference_batch *batch, const double *predicted)
{
    const struct generator_shape *shape = &batch->task.generator;
    int points = batch->task.eval_points, d = shape->inputs, o = shape->outputs;
    double loss = 0, y[WIDEST];
    for (int set = 0; set < batch->sets; set++)
        for (int p = set * points; p < (set + 1) * points; p++) {
            generator_output(shape, predicted + set * batch->unknowns, batch->probes + p * d, y);
            loss += squared_error(y, batch->probe_output + p * o, o) / points;
        }
    return loss;
}

double reference_loss(const struct reference_batch *batch, const double *predicted)
{
    const struct task_spec *task = &batch->task;
    if (task_is_functional(task) && task->objective == OBJECTIVE_FUNCTIONAL)
        return reference_functional_loss(batch, predicted);
    const double *truth = task_reads_pairs(task) ? batch->weights : batch->probe_output;
    int outputs = task_outputs(task);
    double loss = 0;
    for (int set = 0; set < batch->sets; set++)
        loss += squared_error(predicted + set * outputs, truth + set * outputs, outputs);
    return loss;
}
