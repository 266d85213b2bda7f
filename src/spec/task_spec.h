/* Description of a task: names, shapes and sizes. src/task computes with it.
 *
 * A generator is the small target network whose weights a model infers: y = act(.. act(x W1) W2 ..) Wk,
 * without biases, x [d], y [o]. A linear generator has no hidden layers: y = x W. The weights of a generator
 * are stored and predicted layer by layer, each matrix row-major [fan_in, fan_out]. */
#ifndef SPEC_TASK_SPEC_H
#define SPEC_TASK_SPEC_H

#include "base/reals.h"
#include "base/widths.h"

#include <stdbool.h>

/* The tasks: NAME in enum task_kind, word in sweep files, loss function in src/task/task.c, and whether
 *   pairs: the model reads n pairs of a set and predicts the weights; otherwise it reads one x and the
 * weights of its generator and predicts y; networks: the generators have hidden layers; otherwise they are
 * linear; functional: scores, and the loss unless training.objective says otherwise, are errors of y that the
 * predicted weights produce on fresh inputs; otherwise they are errors of the model's output. */
#define TASKS(TASK)                                                                                          \
    TASK(MLP_FORWARD, "mlp-forward", output_loss, false, true, false)                                        \
    TASK(LINEAR_INVERSE, "linear-inverse", output_loss, true, false, false)                                  \
    TASK(MLP_INVERSE, "mlp-inverse", functional_loss, true, true, true)

#define TASK_KIND(NAME, ...) TASK_##NAME,
enum task_kind { TASKS(TASK_KIND) TASK_KINDS };

/* Bits of enum task_kind. */
#define PAIRS_BIT(NAME, word, loss, pairs, networks, functional)      | (unsigned)(pairs) << TASK_##NAME
#define NETWORKS_BIT(NAME, word, loss, pairs, networks, functional)   | (unsigned)(networks) << TASK_##NAME
#define FUNCTIONAL_BIT(NAME, word, loss, pairs, networks, functional) | (unsigned)(functional) << TASK_##NAME
enum {
    TASKS_OF_PAIRS = 0 TASKS(PAIRS_BIT),
    TASKS_OF_NETWORKS = 0 TASKS(NETWORKS_BIT),
    FUNCTIONAL_TASKS = 0 TASKS(FUNCTIONAL_BIT),
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

/* Loss of functional tasks. The other tasks have one loss each: mlp-forward the error of y, linear-inverse
 * the error of the weights (for N(0, 1) inputs the mean error of y over x is d times that error). */
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

/* Distribution of the inputs x of pairs and probes. */
enum task_inputs {
    INPUTS_NORMAL,  // N(0, 1)
    INPUTS_UNIFORM, // U(-sqrt 3, sqrt 3): mean 0, variance 1
    INPUTS_WIDE,    // N(0, 4)
    INPUTS_SHIFTED, // N(1, 1)
    TASK_INPUTS,    // number of distributions
};

struct task_spec {
    enum task_kind kind;
    struct generator_shape generator;
    int equations;                // n, pairs per set
    struct widths equation_range; // [min, max]: each training step draws its n uniformly; or empty
    int eval_points;              // evaluation inputs per generator in the functional loss
    enum task_objective objective;
    enum task_inputs inputs;
    double noise; // of held-out sets: standard deviation of the noise on a set's y, relative to that of y
    struct reals training_noise; // the same for training sets: one value, or [min, max], drawn per set
};

/* The properties of the task's entry in TASKS. */
static inline bool task_reads_pairs(const struct task_spec *task)
{
    return TASKS_OF_PAIRS & 1u << task->kind;
}

static inline bool task_has_networks(const struct task_spec *task)
{
    return TASKS_OF_NETWORKS & 1u << task->kind;
}

static inline bool task_is_functional(const struct task_spec *task)
{
    return FUNCTIONAL_TASKS & 1u << task->kind;
}

/* Number of weights of a generator. */
int generator_unknowns(const struct generator_shape *shape);

/* Default shape of a generator with `unknowns` weights, h hidden units in one layer and the shape's outputs
 * o: (d + o) h = unknowns with d, h >= 2 and minimal |h/d - 2.5|; on a tie the smaller d. Sets inputs and
 * hidden. False if no such shape exists. */
bool generator_default_shape(int unknowns, struct generator_shape *shape);

/* Floats per pair: [x1..xd, y1..yo], or [x1..xd, weights] if the task reads no pairs. */
int task_pair_width(const struct task_spec *task);

/* Pairs of the largest set of training or evaluation. */
int task_max_equations(const struct task_spec *task);

/* The largest noise on y of training or evaluation. */
double task_max_noise(const struct task_spec *task);

/* Width of the model's output: the weights, or y if the task reads no pairs. */
int task_outputs(const struct task_spec *task);

#endif
