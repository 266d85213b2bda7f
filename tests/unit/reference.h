/* Reference of the numerical tests: straightforward implementations in double, and tolerances for float. */
#ifndef TESTS_REFERENCE_H
#define TESTS_REFERENCE_H

#include "spec/model_spec.h"
#include "task/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed, aligned as the kernels want it; the caller frees it with memory_free. */
float *reference_floats(size_t count);

/* N(0, 1) numbers that depend on `seed` alone. */
void reference_fill(float *values, size_t count, int64_t seed);

/* max |got - want| / max |want|; infinite if any number of `got` is not finite. */
double reference_residual(const float *got, const double *want, size_t count);

/* Fails the test, with the residual, where it is over the threshold. */
#define assert_close(got, want, count, threshold)                                                            \
    reference_assert_close((got), (want), (count), (threshold), __FILE__, __LINE__)
void reference_assert_close(const float *got, const double *want, size_t count, double threshold,
                            const char *file, int line);

/* c = a b, or c += a b, where a(i, l) = a[i * a_row + l * a_column], and b(l, j) likewise.  c [m, n] */
void reference_multiply(int m, int n, int k, const double *a, int a_row, int a_column, const double *b,
                        int b_row, int b_column, double *c, bool add);

/* The tensor of that name, or the test fails. */
const struct tensor *reference_tensor(const struct tensor_table *table, const char *name);

/* Deep sets: every pair's embedding, then the pooling as it is defined, then the decoder.
 * parameters [table->parameters], pairs [sets, pairs, pair_width], output [sets, outputs] */
void reference_deep_sets(const struct model_spec *model, const double *parameters, int sets,
                         const float *pairs, double *output);

/* Adds to the weights of one set the solution of (J^T J / s^2 + P) step = -J^T r / s^2, with s^2 the mean of
 * the squared residuals and P the precision of the weights' prior; J by differences. weights [unknowns],
 * pairs [n, d + o] */
void reference_least_squares_step(const struct generator_shape *shape, int n, const double *pairs,
                                  double *weights);

/* Features [x, y, 4 r, hidden units] of the pairs of one set under predicted weights, and J^T r / n by
 * differences.  pairs [n, d + o], features [n, d + 2 o + hidden units], gradient [unknowns] */
void reference_residuals(const struct generator_shape *shape, int n, const double *weights,
                         const double *pairs, double *features, double *gradient);

/* Any model, by its kind. */
void reference_model(const struct model_spec *model, const double *parameters, int sets, const float *pairs,
                     double *output);

/* The generators first .. first + sets - 1 of a step, drawn and computed one by one. */
struct reference_batch {
    struct task_spec task;
    int sets, unknowns;
    double *weights;      // [sets, unknowns]
    double *pairs;        // [sets, n, pair width]
    double *probes;       // [sets, points, d]
    double *probe_output; // [sets, points, o]
};

void reference_batch_init(struct reference_batch *batch, const struct task_spec *task, enum task_part part,
                          int64_t seed, int64_t step, int64_t first, int sets);
void reference_batch_free(struct reference_batch *batch);

/* Sum over the generators of the loss of predictions [sets, task_outputs]; and its functional form, the mean
 * squared error of predicted weights on the probes. */
double reference_loss(const struct reference_batch *batch, const double *predicted);
double reference_functional_loss(const struct reference_batch *batch, const double *predicted);

#endif
