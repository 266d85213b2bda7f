/* Description of a task: names, shapes and sizes. src/task computes with it.
 *
 * A generator is the small target network whose weights a model infers: y = act(.. act(x W1) W2 ..) Wk,
 * without biases, x [d], y [o]. A linear generator has no hidden layers: y = x W. The weights of a generator
 * are stored and predicted layer by layer, each matrix row-major [fan_in, fan_out]. */
#ifndef SPEC_TASK_SPEC_H
#define SPEC_TASK_SPEC_H

#include "base/widths.h"

#include <stdbool.h>

enum task_kind {
    TASK_MLP_FORWARD,    // one x and the weights of its generator -> y
    TASK_LINEAR_INVERSE, // pairs of a linear generator -> its weights
    TASK_MLP_INVERSE,    // pairs of a generator -> its weights
};

enum generator_init {
    INIT_LECUN,  // N(0, 1 / fan_in)
    INIT_NORMAL, // N(0, 1)
};

enum generator_activation {
    ACTIVATION_RELU,
    ACTIVATION_LEAKY_RELU, // slope 0.01 below zero
    ACTIVATION_TANH,
    ACTIVATION_GELU, // x Phi(x)
};

/* Loss of mlp-inverse. The other tasks have one loss each: mlp-forward the error of y, linear-inverse the
 * error of the weights (for N(0, 1) inputs the mean error of y over x is d times that error). */
enum task_objective {
    OBJECTIVE_FUNCTIONAL, // mean squared error of y between predicted and true weights on fresh inputs
    OBJECTIVE_WEIGHTS,    // mean squared error of the weights
};

struct generator_shape {
    int inputs;           // d
    struct widths hidden; // empty: a linear generator
    int outputs;          // o
    enum generator_activation activation;
    enum generator_init init; // ignored by linear generators, whose weights are N(0, 1)
};

/* Distribution of the inputs x of pairs and probes. Models are trained on INPUTS_NORMAL. */
enum task_inputs {
    INPUTS_NORMAL,  // N(0, 1)
    INPUTS_UNIFORM, // U(-sqrt 3, sqrt 3): mean 0, variance 1
    INPUTS_WIDE,    // N(0, 4)
    INPUTS_SHIFTED, // N(1, 1)
    TASK_INPUTS,    // number of distributions
};

/* Budget of a direct fit of one set by gradient descent (task/fit.h): steps per restart, restarts. */
enum { FIT_STEPS = 2000, FIT_RESTARTS = 16 };

struct task_spec {
    enum task_kind kind;
    struct generator_shape generator;
    int equations;                // n, pairs per set
    struct widths equation_range; // [min, max]: each training step draws its n uniformly; or empty
    int eval_points;              // evaluation inputs per generator in the functional loss
    enum task_objective objective;
    enum task_inputs inputs;
    double noise; // standard deviation of the noise on a set's y, relative to that of y
};

/* Number of weights of a generator. */
int generator_unknowns(const struct generator_shape *shape);

/* Default shape of a generator with `unknowns` weights, h hidden units in one layer and the shape's outputs
 * o: (d + o) h = unknowns with d, h >= 2 and minimal |h/d - 2.5|; on a tie the smaller d. Sets inputs and
 * hidden. False if no such shape exists. */
bool generator_default_shape(int unknowns, struct generator_shape *shape);

/* Floats per pair: [x1..xd, y1..yo], or [x1..xd, weights] in mlp-forward, whose sets are one row each. */
int task_pair_width(const struct task_spec *task);

/* Pairs of the largest set of training or evaluation. */
int task_max_equations(const struct task_spec *task);

/* Width of the model's output: the weights, or y in mlp-forward. */
int task_outputs(const struct task_spec *task);

#endif
