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

// y = W x + b of the layer `prefix`.`index`; returns the width of y.
static int dense(const struct tensor_table *table, const double *parameters, const char *prefix, int index,
                 const double *x, double *y)
{
    char name[2][40];
    snprintf(name[0], sizeof name[0], "%s.%d.weight", prefix, index);
    snprintf(name[1], sizeof name[1], "%s.%d.bias", prefix, index);
    const struct tensor *weight = reference_tensor(table, name[0]);
    memcpy(y, parameters + reference_tensor(table, name[1])->offset, (size_t)weight->rows * sizeof *y);
    reference_multiply(weight->rows, 1, weight->columns, parameters + weight->offset, weight->columns, 1, x,
                       1, 1, y, true);
    return weight->rows;
}

enum { WIDEST = 64 };

// Dense layers 0, 2, .. 2 hidden with ReLUs between; `x` is overwritten with the output, which has `width`
// numbers.
static int stack(const struct tensor_table *table, const double *parameters, const char *prefix, int hidden,
                 double *x)
{
    double y[WIDEST];
    int width = 0;
    for (int i = 0; i <= hidden; i++) {
        width = dense(table, parameters, prefix, 2 * i, x, y);
        for (int j = 0; j < width; j++)
            x[j] = i < hidden ? fmax(y[j], 0) : y[j];
    }
    return width;
}

void reference_deep_sets(const struct model_description *model, const double *parameters, int sets,
                         const float *pairs, double *output)
{
    struct tensor_table table;
    model_tensors(model, &table);
    for (int set = 0; set < sets; set++) {
        double pooled[WIDEST] = {0}, x[WIDEST],
               scale = model->pooling == POOLING_MEAN ? 1.0 / model->pairs : 1;
        for (int p = 0; p < model->pairs; p++, pairs += model->pair_width) {
            for (int j = 0; j < model->pair_width; j++)
                x[j] = (double)pairs[j];
            int width = stack(&table, parameters, "encoder.net", model->encoder.count, x);
            for (int j = 0; j < width; j++)
                pooled[j] += scale * x[j];
        }
        int width = stack(&table, parameters, "decoder", model->decoder.count, pooled);
        memcpy(output + (size_t)set * (size_t)width, pooled, (size_t)width * sizeof *output);
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

// y = relu(x W1) W2
static double generator_output(const struct generator_shape *shape, const double *weights, const double *x)
{
    int d = shape->inputs, h = shape->hidden.width[0];
    double y = 0;
    for (int j = 0; j < h; j++) {
        double sum = 0;
        for (int i = 0; i < d; i++)
            sum += x[i] * weights[i * h + j];
        y += fmax(sum, 0) * weights[d * h + j];
    }
    return y;
}

void reference_batch_init(struct reference_batch *batch, const struct task_description *task,
                          enum task_part part, int64_t seed, int64_t step, int64_t first, int sets)
{
    const struct generator_shape *shape = &task->generator;
    struct random_stream stream = {.seed = seed, .step = step};
    bool train = part == TASK_TRAIN;
    int d = shape->inputs, h = shape->hidden.width[0], n = task->equations, points = task->eval_points;
    int unknowns = d * h + h;
    double *weights =
        normals(stream, train ? RANDOM_TRAIN_GENERATOR : RANDOM_HELD_OUT_GENERATOR, first, sets, unknowns);
    double *inputs = normals(stream, train ? RANDOM_TRAIN_INPUT : RANDOM_HELD_OUT_INPUT, first, sets, n * d);
    *batch = (struct reference_batch){.task = *task, .sets = sets, .unknowns = unknowns, .weights = weights};
    batch->probes =
        normals(stream, train ? RANDOM_TRAIN_PROBE : RANDOM_HELD_OUT_PROBE, first, sets, points * d);
    batch->pairs = memory_small((size_t)(sets * n * (d + 1)) * sizeof(double));
    batch->probe_output = memory_small((size_t)(sets * points) * sizeof(double));
    for (int set = 0; set < sets; set++) {
        double *w = weights + set * unknowns;
        if (shape->init == INIT_LECUN)
            for (int k = 0; k < unknowns; k++)
                w[k] /= sqrt(k < d * h ? d : h);
        for (int p = 0; p < n; p++) {
            double *pair = batch->pairs + (set * n + p) * (d + 1);
            memcpy(pair, inputs + (set * n + p) * d, (size_t)d * sizeof *pair);
            pair[d] = generator_output(shape, w, pair);
        }
        for (int p = set * points; p < (set + 1) * points; p++)
            batch->probe_output[p] = generator_output(shape, w, batch->probes + p * d);
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

double reference_loss(const struct reference_batch *batch, const double *predicted)
{
    int points = batch->task.eval_points, d = batch->task.generator.inputs;
    double loss = 0;
    for (int set = 0; set < batch->sets; set++)
        for (int p = set * points; p < (set + 1) * points; p++) {
            double y = generator_output(&batch->task.generator, predicted + set * batch->unknowns,
                                        batch->probes + p * d);
            loss += (y - batch->probe_output[p]) * (y - batch->probe_output[p]) / points;
        }
    return loss;
}
