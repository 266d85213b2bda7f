// Both optimizers against plain ones in double, over several steps.
#include "train/optimizer.h"

#include "base/memory.h"
#include "kernel/gemm.h"
#include "reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Residuals of float parameters that start at zero, so that they are those of the movement.
static const double adam_threshold = 2e-6;
// Newton-Schulz makes small singular values, and their errors, 485 times larger.
static const double muon_threshold[] = {[PRECISION_FP32] = 1e-5, [PRECISION_BF16] = 0.1};
enum { STEPS = 12 };

// Hidden matrices that are tall (40 x 24), wide (16 x 40, 8 x 16) and square (16 x 16).
static const struct model_spec description = {
    MODEL_DEEP_SETS, POOLING_MEAN, 3, 5, 16, {2, {24, 40}}, {2, {16, 8}}, .outputs = 6,
};

static double throughput_of(int64_t step)
{
    return 1e-2 / (double)(step + 1);
}

// Gradients of all sizes: where Adam's epsilon does not matter and where it does, and zeros.
static void make_gradient(float *gradient, size_t count, int64_t step)
{
    static const float size[] = {1, 1e-3f, 1e-8f, 0};
    reference_fill(gradient, count, 100 + step);
    for (size_t i = 0; i < count; i++)
        gradient[i] *= size[i % 4];
}

// ---- the references ----

static void adam(int64_t step, double rate, double *p, const float *g, double *m, double *v, size_t count)
{
    double correction1 = 1 - pow(0.9, (double)step + 1), correction2 = 1 - pow(0.999, (double)step + 1);
    for (size_t i = 0; i < count; i++) {
        m[i] = 0.9 * m[i] + 0.1 * (double)g[i];
        v[i] = 0.999 * v[i] + 0.001 * (double)g[i] * (double)g[i];
        p[i] -= rate * (m[i] / correction1) / (sqrt(v[i] / correction2) + 1e-8);
    }
}

enum { SIDE = 40 };

// u <- 3.4445 u + (-4.7750 A + 2.0315 A^2) u with A = u u^T.  u [r, c]
static void newton_schulz(double *u, int r, int c)
{
    static double gram[SIDE * SIDE], square[SIDE * SIDE], next[SIDE * SIDE];
    reference_multiply(r, r, c, u, c, 1, u, 1, c, gram, false);
    reference_multiply(r, r, r, gram, r, 1, gram, r, 1, square, false);
    for (int i = 0; i < r * r; i++)
        gram[i] = -4.7750 * gram[i] + 2.0315 * square[i];
    for (int i = 0; i < r * c; i++)
        next[i] = 3.4445 * u[i];
    reference_multiply(r, c, r, gram, r, 1, u, c, 1, next, true);
    memcpy(u, next, (size_t)(r * c) * sizeof *u);
}

static void muon(double rate, double *p, const float *g, double *m, int rows, int columns)
{
    double u[SIDE * SIDE], norm = 0;
    bool tall = rows > columns;
    int r = tall ? columns : rows, c = tall ? rows : columns;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            int at = i * columns + j;
            m[at] = 0.95 * m[at] + 0.05 * (double)g[at];
            double value = 0.05 * (double)g[at] + 0.95 * m[at];
            u[tall ? j * rows + i : at] = value;
            norm += value * value;
        }
    for (int i = 0; i < r * c; i++)
        u[i] /= fmax(sqrt(norm), 1e-7);
    for (int i = 0; i < 5; i++)
        newton_schulz(u, r, c);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            p[i * columns + j] -= 0.2 * sqrt(c) * rate * u[tall ? j * rows + i : i * columns + j];
}

// ---- the comparison ----

static void check(enum optimizer_kind kind, enum precision precision)
{
    struct tensor_table table;
    struct optimizer *optimizer;
    model_tensors(&description, &table);
    assert_int_equal(optimizer_create(kind, precision, &table, &optimizer), STATUS_OK);
    size_t count = table.parameters;
    float *p = reference_floats(count), *g = reference_floats(count), *m = reference_floats(count),
          *v = reference_floats(count);
    double *wide = memory_small(3 * count * sizeof *wide), *p_want = wide, *m_want = wide + count,
           *v_want = wide + 2 * count;
    for (int64_t step = 0; step < STEPS; step++) {
        make_gradient(g, count, step);
        optimizer_step(optimizer, step, throughput_of(step), p, g, m, v);
        for (int i = 0; i < table.count; i++) {
            const struct tensor *tensor = &table.tensors[i];
            size_t at = tensor->offset, size = tensor_size(tensor);
            bool moved_by_muon = kind == OPTIMIZER_MUON && tensor->hidden_matrix;
            if (moved_by_muon)
                muon(throughput_of(step), p_want + at, g + at, m_want + at, tensor->rows, tensor->columns);
            else
                adam(step, throughput_of(step), p_want + at, g + at, m_want + at, v_want + at, size);
            assert_close(p + at, p_want + at, size,
                         moved_by_muon ? muon_threshold[precision] : adam_threshold);
            assert_close(m + at, m_want + at, size, adam_threshold);
            assert_close(v + at, v_want + at, size, adam_threshold);
        }
    }
    optimizer_destroy(&optimizer);
    free(wide);
    for (float **array = (float *[]){p, g, m, v, NULL}; *array; array++)
        memory_free((void **)array);
}

static void test_adam(void **state)
{
    (void)state;
    check(OPTIMIZER_ADAM, PRECISION_FP32);
}

static void test_muon(void **state)
{
    (void)state;
    check(OPTIMIZER_MUON, PRECISION_FP32);
    check(OPTIMIZER_MUON, PRECISION_BF16);
}

// A matrix without a gradient stays where it is.
static void test_muon_of_zero(void **state)
{
    (void)state;
    struct tensor_table table;
    struct optimizer *optimizer;
    model_tensors(&description, &table);
    assert_int_equal(optimizer_create(OPTIMIZER_MUON, PRECISION_FP32, &table, &optimizer), STATUS_OK);
    float *zeros = reference_floats(4 * table.parameters), *p = zeros;
    size_t count = table.parameters;
    optimizer_step(optimizer, 0, 1, p, zeros + count, zeros + 2 * count, zeros + 3 * count);
    for (size_t i = 0; i < count; i++)
        assert_true(p[i] == 0);
    optimizer_destroy(&optimizer);
    memory_free((void **)&zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_muon),
        cmocka_unit_test(test_muon_of_zero),
    };
    gemm_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
