/* What is to be learned, described: names, shapes and sizes, no arithmetic.
 *
 * A generator is the small network whose weights are to be inferred: y = act(.. act(x W1) W2 ..) Wk, without
 * biases, x [d], y [o]. A linear generator is one without hidden layers, y = x W. Its weights are kept,
 * predicted and given to a model layer by layer, each matrix row-major [fan_in, fan_out]. */
#ifndef SPEC_TASK_SPEC_H
#define SPEC_TASK_SPEC_H

#include "base/widths.h"

#include <stdbool.h>
#include <stddef.h>

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

/* What the loss of mlp-inverse is. The other tasks know but one: mlp-forward the error of y; linear-inverse
 * the error of the weights, which is that of y but for the factor d once its mean over x is taken. */
enum task_objective {
    OBJECTIVE_FUNCTIONAL, // mean squared error of y, of predicted against true weights on fresh inputs
    OBJECTIVE_WEIGHTS,    // mean squared error of the weights themselves
};

struct generator_shape {
    int inputs;           // d
    struct widths hidden; // none: linear
    int outputs;          // o
    enum generator_activation activation;
    enum generator_init init; // a linear generator's weights are N(0, 1) whatever it says
};

/* The distribution of all inputs x, of pairs and probes alike. A model is trained on the first. */
enum task_inputs {
    INPUTS_NORMAL,  // N(0, 1)
    INPUTS_UNIFORM, // U(-sqrt 3, sqrt 3), which has the same mean and variance
    INPUTS_WIDE,    // N(0, 4): twice as far
    INPUTS_SHIFTED, // N(1, 1)
    TASK_INPUTS,
};

/* What gradient descent may spend on one set (task/fit.h). */
enum { FIT_STEPS = 2000, FIT_RESTARTS = 16 };

struct task_spec {
    enum task_kind kind;
    struct generator_shape generator;
    int equations;                // n, pairs of a set
    struct widths equation_range; // [least, most]: each training step draws its n from them; or empty
    int eval_points;              // fresh inputs a generator on which the functional loss is taken
    enum task_objective objective;
    enum task_inputs inputs;
    double noise; // on the y of the pairs, beside the standard deviation of their set's y
};

/* The number of weights. */
int generator_unknowns(const struct generator_shape *shape);

/* The default shape of so many unknowns, with one hidden layer: (d + o) h = unknowns with d, h >= 2 and |h/d
 * - 2.5| least, the smaller d on a tie. False if there is none. Reads the outputs, sets only inputs and
 * hidden. */
bool generator_default_shape(int unknowns, struct generator_shape *shape);

/* Width of one pair [x1..xd, y1..yo]; of mlp-forward, whose sets hold one row, of [x1..xd, weights]. */
int task_pair_width(const struct task_spec *task);

/* Pairs of the largest set. */
int task_max_equations(const struct task_spec *task);

/* Width of the model's output: the weights, or y. */
int task_outputs(const struct task_spec *task);

/* Bytes of a batch of `sets` generators with its labels. */
size_t task_batch_bytes(const struct task_spec *task, int sets);

#endif
