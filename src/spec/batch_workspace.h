/* Where a batch's buffers lie: one block of memory, sized by the description alone.
 *
 * Inside a batch number k of every generator is contiguous ([k, lanes]: one generator a lane), so that all
 * generators are computed at once whatever their shape. */
#ifndef SPEC_BATCH_WORKSPACE_H
#define SPEC_BATCH_WORKSPACE_H

#include "spec/task_spec.h"

/* Hidden units of a generator, and the widest layer, its outputs among them. */
int generator_units(const struct generator_shape *shape);
int generator_widest(const struct generator_shape *shape);

/* Rows of LANES floats that a generator needs to work in: units, their slopes, gradients of two layers. */
int generator_scratch(const struct generator_shape *shape);

/* Offsets in floats; `lanes` is the number of generators, padded. A smaller batch has fewer lanes, from the
 * same offsets. */
struct batch_workspace {
    size_t weights;       // [unknowns, lanes], the true ones
    size_t inputs;        // [n d, lanes]; n: of the largest set
    size_t outputs;       // [n o, lanes]
    size_t probes;        // [points d, lanes], fresh inputs on which the loss is taken
    size_t probe_outputs; // [points o, lanes]
    size_t predicted;     // [model's outputs, lanes]
    size_t gradient;      // [model's outputs, lanes]
    size_t loss;          // [lanes]
    size_t scratch;       // [generator_scratch, LANES]
    size_t noise;         // [n o, lanes], where there is any
    size_t pairs;         // [sets, n, pair width], what the model sees
    size_t total;
};

void batch_workspace_plan(const struct task_spec *task, int sets, struct batch_workspace *layout);

#endif
