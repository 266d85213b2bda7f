/* Fits of a generator's weights to single sets of pairs by Levenberg-Marquardt (task/levenberg.h), with the
 * distribution of the weights as prior.
 *
 * The residuals are divided by sigma = max(S / sqrt(1 + S^2), 1e-3) * the standard deviation of the set's y,
 * over all its outputs. A standard deviation of 0 is replaced by 1. S is the noise of the task, relative to
 * the clean y. */
#ifndef TASK_FIT_H
#define TASK_FIT_H

#include "base/status.h"
#include "spec/task_spec.h"

#include <stdbool.h>
#include <stdint.h>

struct fit;

/* Sets to fit. */
struct fit_sets {
    const float *pairs; // [count, n, pair width]
    int count;
    const double *sigma;         // [count], instead of the sigma above; or NULL
    bool (*stop)(void *context); // called before every iteration; true ends the fits, with undefined results
    void *context;
    double *objective; // [count]: output, the objective of each set's final weights; or NULL
};

/* Random starts of the sets, drawn from the prior for (seed, index of the set, start). */
struct fit_starts {
    int64_t seed, first; // index of the first set
    int starts;          // per set
    int iterations;      // per start
};

/* Allocates buffers for fits of sets of the task. STATUS_MEMORY. */
enum status fit_create(const struct task_spec *task, struct fit **fit);
void fit_destroy(struct fit **fit);

/* Fits each set from its random starts. Writes, per set, the weights of the start with the smallest
 * objective. weights [count, unknowns] */
void fit_random_starts(struct fit *fit, const struct fit_sets *sets, const struct fit_starts *starts,
                       float *weights);

/* Fits each set from `start` [count, unknowns]. Writes the weights after iterations->width[i] iterations to
 * weights [i, count, unknowns]. */
void fit_refine(struct fit *fit, const struct fit_sets *sets, const float *start,
                const struct widths *iterations, float *weights);

/* The smallest sigma, relative to the standard deviation of y. */
#define FIT_MIN_NOISE 1e-3

/* sigma of a set.  pairs [n, pair width] */
double fit_sigma(const struct task_spec *task, const float *pairs);

#endif
