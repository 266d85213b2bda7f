/* What is to be learned, described: names, shapes and sizes, no arithmetic.
 *
 * A generator is the small network whose weights are to be inferred: y = relu(x W1) W2, without biases, W1 [d, h],
 * W2 [h]. A predicted generator is its weights layer by layer, each matrix row-major [fan_in, fan_out]. */
#ifndef TASK_DESCRIPTION_H
#define TASK_DESCRIPTION_H

#include "base/widths.h"

#include <stdbool.h>
#include <stddef.h>

enum task_kind { TASK_MLP_FORWARD, TASK_LINEAR_INVERSE, TASK_MLP_INVERSE };

enum generator_init {
    INIT_LECUN,  // N(0, 1 / fan_in)
    INIT_NORMAL, // N(0, 1)
};

struct generator_shape {
    int inputs;           // d
    struct widths hidden; // h, one entry a layer
    enum generator_init init;
};

struct task_description {
    enum task_kind kind;
    struct generator_shape generator;
    int equations;   // n, pairs of a set
    int eval_points; // fresh inputs a generator on which the functional loss is taken
};

/* The number of weights: d h + h. */
int generator_unknowns(const struct generator_shape *shape);

/* The default shape of so many unknowns: (d + 1) h = unknowns with d, h >= 2 and |h/d - 2.5| least, the smaller d on a tie.
 * False if there is none; sets only inputs and hidden. */
bool generator_shape_of(int unknowns, struct generator_shape *shape);

/* Width of one pair [x1..xd, y]. */
int task_pair_width(const struct task_description *task);

/* Width of the model's output. */
int task_outputs(const struct task_description *task);

/* Bytes of a batch of `sets` generators with its labels. */
size_t task_batch_bytes(const struct task_description *task, int sets);

#endif
