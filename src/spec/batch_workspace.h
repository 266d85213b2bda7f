/* Workspace of a batch: the offset of each buffer in one block of memory, computed from the task's
 * description.
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

/* Rows of LANES floats of a generator's scratch: activations, their derivatives, gradients of two layers. */
int generator_scratch(const struct generator_shape *shape);

/* Offsets in floats. `lanes` is the number of generators, padded to whole vectors. A smaller batch uses the
 * same offsets with fewer lanes. n: equations of the largest set; d, o: inputs and outputs of a generator. */
struct batch_workspace {
    size_t weights;       // [unknowns, lanes], true weights
    size_t inputs;        // [n d, lanes], x of the pairs
    size_t outputs;       // [n o, lanes], y of the pairs
    size_t probes;        // [points d, lanes], fresh inputs for the functional loss
    size_t probe_outputs; // [points o, lanes]
    size_t predicted;     // [task_outputs, lanes]
    size_t gradient;      // [task_outputs, lanes], at `predicted`
    size_t loss;          // [lanes]
    size_t scratch;       // [generator_scratch, LANES]
    size_t noise;         // [n o, lanes]; empty if task.noise is 0
    size_t pairs;         // [sets, n, pair width], input of the model
    size_t total;         // length of the workspace
};

/* Computes the offsets for at most `sets` generators. */
void batch_workspace_plan(const struct task_spec *task, int sets, struct batch_workspace *workspace);

/* Bytes of the workspace of a batch of `sets` generators. */
size_t batch_workspace_bytes(const struct task_spec *task, int sets);

#endif
