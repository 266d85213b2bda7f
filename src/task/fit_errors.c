#include "task/fit_errors.h"

#include "base/memory.h"
#include "kernel/batched.h"
#include "kernel/symmetric.h"
#include "spec/batch_workspace.h"
#include "spec/fit_spec.h"
#include "task/generator_jacobian.h"

#include <math.h>
#include <string.h>

static const double min_norm = 1e-3; // relative to the largest error of a unit's incoming weights

static double square_of_row(const double *f, size_t columns, size_t row)
{
    double sum = 0;
    for (size_t k = 0; k < columns; k++)
        sum += f[row * columns + k] * f[row * columns + k];
    return sum;
}

static bool can_rescale(const struct generator_shape *shape)
{
    return shape->activation == ACTIVATION_RELU || shape->activation == ACTIVATION_LEAKY_RELU;
}

// ---- normalisation ----

// Incoming weights of a hidden unit are in[i * width], outgoing ones out[k].
struct unit {
    int fan_in, width, fan_out;
    size_t in, out; // numbers of the first weights
};

static size_t weight_in(const struct unit *unit, int i)
{
    return unit->in + (size_t)i * (size_t)unit->width;
}

// First-order changes of the weights.
struct changes {
    size_t columns;
    double *spread; // [unknowns, columns], one row per weight
    double *errors; // [unknowns], set to NaN where the normalisation is singular
};

static void mark_singular(const struct unit *unit, double norm, const struct changes *changes)
{
    double square = 0;
    for (int i = 0; i < unit->fan_in; i++)
        square = fmax(square, square_of_row(changes->spread, changes->columns, weight_in(unit, i)));
    if (norm > min_norm * sqrt(square))
        return;
    for (int i = 0; i < unit->fan_in; i++)
        changes->errors[weight_in(unit, i)] = NAN;
    for (int k = 0; k < unit->fan_out; k++)
        changes->errors[unit->out + (size_t)k] = NAN;
}

// Normalises one unit, and its changes unless NULL.
static void normalise_unit(const struct unit *unit, double *weights, const struct changes *changes)
{
    size_t columns = changes ? changes->columns : 0;
    double *spread = changes ? changes->spread : NULL;
    double norm = 0;
    for (int i = 0; i < unit->fan_in; i++)
        norm += weights[weight_in(unit, i)] * weights[weight_in(unit, i)];
    norm = sqrt(norm);
    if (changes)
        mark_singular(unit, norm, changes);
    if (!(norm > 0))
        return;
    for (int i = 0; i < unit->fan_in; i++)
        weights[weight_in(unit, i)] /= norm;
    for (size_t c = 0; c < columns; c++) {
        double along = 0; // change of the norm
        for (int i = 0; i < unit->fan_in; i++)
            along += weights[weight_in(unit, i)] * spread[weight_in(unit, i) * columns + c];
        for (int i = 0; i < unit->fan_in; i++) {
            double *change = &spread[weight_in(unit, i) * columns + c];
            *change = (*change - weights[weight_in(unit, i)] * along) / norm;
        }
        for (int k = 0; k < unit->fan_out; k++) {
            double *change = &spread[(unit->out + (size_t)k) * columns + c];
            *change = norm * *change + weights[unit->out + (size_t)k] * along;
        }
    }
    for (int k = 0; k < unit->fan_out; k++)
        weights[unit->out + (size_t)k] *= norm;
}

static void normalise(const struct generator_shape *shape, double *weights, const struct changes *changes)
{
    size_t first = 0;
    int fan_in = shape->inputs;
    for (int layer = 0; can_rescale(shape) && layer < shape->hidden.count; layer++) {
        int width = shape->hidden.width[layer];
        int fan_out = layer + 1 < shape->hidden.count ? shape->hidden.width[layer + 1] : shape->outputs;
        size_t next = first + (size_t)(fan_in * width);
        for (int j = 0; j < width; j++) {
            const struct unit unit = {.fan_in = fan_in,
                                      .width = width,
                                      .fan_out = fan_out,
                                      .in = first + (size_t)j,
                                      .out = next + (size_t)(j * fan_out)};
            normalise_unit(&unit, weights, changes);
        }
        first = next;
        fan_in = width;
    }
}

void fit_errors_normalise(const struct generator_shape *shape, double *weights)
{
    normalise(shape, weights, NULL);
}

// ---- curvature ----

// Buffers for BATCHED points at a time, one per system.
struct curvature {
    struct generator_pairs pairs; // one point each; scale: 1 / sigma
    double *weights;              // [unknowns, BATCHED], the same in each system
    double *residual;             // [o, BATCHED]
    double *jacobian;             // [o, unknowns, BATCHED]
    double *memory;
};

static enum status curvature_init(struct curvature *curvature, const struct generator_shape *shape,
                                  const float *weights, double sigma)
{
    size_t unknowns = (size_t)generator_unknowns(shape), o = (size_t)shape->outputs;
    size_t doubles = generator_jacobian_doubles(shape, 1) + (unknowns + o + o * unknowns) * BATCHED;
    TRY(memory_alloc(doubles * sizeof(double), (void **)&curvature->memory));
    curvature->weights = generator_jacobian_init(&curvature->pairs, shape, 1, curvature->memory);
    curvature->residual = curvature->weights + unknowns * BATCHED;
    curvature->jacobian = curvature->residual + o * BATCHED;
    for (size_t k = 0; k < unknowns * BATCHED; k++)
        curvature->weights[k] = (double)weights[k / BATCHED];
    for (int l = 0; l < BATCHED; l++)
        curvature->pairs.scale[l] = 1 / sigma;
    return STATUS_OK;
}

// Adds J^T J / sigma^2 of all pairs to the lower triangle of a [unknowns, unknowns].
static void add_curvature(const struct curvature *curvature, const float *pairs, int count, double *a)
{
    const struct generator_shape *shape = curvature->pairs.shape;
    int unknowns = generator_unknowns(shape), width = shape->inputs + shape->outputs;
    for (int first = 0; first < count; first += BATCHED) {
        int points = count - first < BATCHED ? count - first : BATCHED;
        for (int l = 0; l < points; l++)
            generator_jacobian_load(&curvature->pairs, pairs + (size_t)(first + l) * (size_t)width, l);
        generator_jacobian(&curvature->pairs, curvature->weights, curvature->residual, curvature->jacobian);
        for (int k = 0; k < shape->outputs; k++) {
            const double *row = curvature->jacobian + (size_t)(k * unknowns) * BATCHED;
            for (int i = 0; i < unknowns; i++)
                for (int j = 0; j <= i; j++)
                    for (int l = 0; l < points; l++)
                        a[(size_t)i * (size_t)unknowns + (size_t)j] +=
                            row[i * BATCHED + l] * row[j * BATCHED + l];
        }
    }
}

// ---- errors ----

// Counts the eigenvalues below 1 of P^-1/2 a P^-1/2, less one per unit that can be rescaled. Overwrites a.
static int count_prior_directions(const struct generator_shape *shape, const double *precision, double *a,
                                  double *work)
{
    int unknowns = generator_unknowns(shape);
    for (int i = 0; i < unknowns; i++)
        for (int j = 0; j <= i; j++)
            a[(size_t)i * (size_t)unknowns + (size_t)j] /= sqrt(precision[i] * precision[j]);
    int below = symmetric_eigenvalues_below(a, unknowns, 1, work);
    int units = can_rescale(shape) ? generator_units(shape) : 0;
    return below > units ? below - units : 0;
}

// Replaces the lower triangle of the curvature by F, with F F^T = C. Returns false if it is not definite.
static bool factor_covariance(double *a, int unknowns, const double *precision)
{
    for (int i = 0; i < unknowns; i++)
        a[(size_t)i * (size_t)unknowns + (size_t)i] += precision[i];
    if (!symmetric_cholesky(a, unknowns))
        return false;
    symmetric_invert_factor(a, unknowns);
    for (int i = 0; i < unknowns; i++) // F = L^-T
        for (int j = 0; j < i; j++) {
            a[(size_t)j * (size_t)unknowns + (size_t)i] = a[(size_t)i * (size_t)unknowns + (size_t)j];
            a[(size_t)i * (size_t)unknowns + (size_t)j] = 0;
        }
    return true;
}

void fit_errors_free(struct fit_errors *errors)
{
    memory_free((void **)&errors->memory);
}

enum status fit_errors_compute(const struct task_spec *task, const float *pairs, double sigma, float *weights,
                               struct fit_errors *errors, bool *found)
{
    const struct generator_shape *shape = &task->generator;
    size_t unknowns = (size_t)generator_unknowns(shape), square = unknowns * unknowns;
    struct curvature curvature = {0};
    double *f = NULL; // [unknowns, unknowns]
    enum status status = STATUS_OK;
    *errors = (struct fit_errors){0};
    TRY_DONE(memory_alloc((2 * square + 2 * unknowns) * sizeof(double), (void **)&f));
    TRY_DONE(memory_alloc(3 * unknowns * sizeof(double), (void **)&errors->memory));
    TRY_DONE(curvature_init(&curvature, shape, weights, sigma));
    double *copy = f + square, *work = copy + square;
    double *exact = errors->memory + unknowns, *precision = exact + unknowns;
    errors->errors = errors->memory;
    fit_precision(shape, precision);
    add_curvature(&curvature, pairs, task->equations, f);
    memcpy(copy, f, square * sizeof *f);
    *found = factor_covariance(f, (int)unknowns, precision);
    if (!*found)
        goto done;
    errors->prior_directions = count_prior_directions(shape, precision, copy, work);
    errors->effective = (double)unknowns;
    for (size_t i = 0; i < unknowns; i++) {
        errors->effective -= precision[i] * square_of_row(f, unknowns, i);
        exact[i] = (double)weights[i];
    }
    normalise(shape, exact, &(struct changes){unknowns, f, errors->errors});
    for (size_t i = 0; i < unknowns; i++) {
        if (!isnan(errors->errors[i]))
            errors->errors[i] = sqrt(square_of_row(f, unknowns, i));
        weights[i] = (float)exact[i];
    }
done:
    memory_free((void **)&curvature.memory);
    memory_free((void **)&f);
    return status;
}
