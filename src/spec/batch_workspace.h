/* Workspace of a batch: its buffers in one block of memory, sized by the task's description.
 *
 * Buffers are [k, lanes], one lane per generator: element k of all generators is contiguous, so that vector
 * loops run over generators of any shape. */
#ifndef SPEC_BATCH_WORKSPACE_H
#define SPEC_BATCH_WORKSPACE_H

#include "spec/task_spec.h"

#include <stddef.h>

/* Number of hidden units of a generator. */
int generator_units(const struct generator_shape *shape);

/* Width of a generator's widest layer, the output layer included. */
int generator_widest(const struct generator_shape *shape);

/* Points at which a generator's output and loss are computed together. */
enum { GENERATOR_POINTS = 4 };

/* Rows of a generator's scratch per point: activations, their derivatives, gradients of two layers. */
int generator_scratch(const struct generator_shape *shape);

/* Rows of LANES floats of the scratch of generator_apply and generator_loss: that of GENERATOR_POINTS points,
 * the weights and their gradient. */
int generator_block_scratch(const struct generator_shape *shape);

/* `lanes` is the number of generators, padded to whole vectors. A smaller batch uses the same buffers with
 * fewer lanes. n: equations of the largest set; d, o: inputs and outputs of a generator. */
struct batch_workspace {
    float *weights;       // [unknowns, lanes], true weights
    float *inputs;        // [n d, lanes], x of the pairs
    float *outputs;       // [n o, lanes], y of the pairs
    float *probes;        // [points d, lanes], fresh inputs for the functional loss
    float *probe_outputs; // [points o, lanes]
    float *predicted;     // [task_outputs, lanes]
    float *gradient;      // [task_outputs, lanes], at `predicted`
    float *loss;          // [lanes]
    float *scratch;       // [generator_block_scratch, LANES]
    float *noise;         // [n o, lanes]; empty without noise
    float *pairs;         // [sets, n, pair width], input of the model
};

/* Plans a workspace for at most `sets` generators in `memory` (arena.h). Returns its length in floats. */
size_t batch_workspace_plan(const struct task_spec *task, int sets, float *memory,
                            struct batch_workspace *workspace);

/* Bytes of the workspace of a batch of `sets` generators. */
size_t batch_workspace_bytes(const struct task_spec *task, int sets);

#endif
