/* Where a batch's buffers lie: one block of memory, sized by the description alone.
 *
 * Inside a batch number k of every generator is contiguous ([k, lanes]: one generator a lane), so that all generators
 * are computed at once whatever their shape. */
#ifndef TASK_LAYOUT_H
#define TASK_LAYOUT_H

#include "task/description.h"

/* Offsets in floats; `lanes` is the number of generators, padded. */
struct task_layout {
    int lanes;
    size_t weights;       // [unknowns, lanes], the true ones
    size_t inputs;        // [n d, lanes]
    size_t outputs;       // [n, lanes]
    size_t probes;        // [points d, lanes], fresh inputs on which the loss is taken
    size_t probe_outputs; // [points, lanes]
    size_t predicted;     // [unknowns, lanes], weights
    size_t gradient;      // [unknowns, lanes]
    size_t loss;          // [lanes]
    size_t pairs;         // [sets, n, d + 1], what the model sees
    size_t total;
};

void task_layout(const struct task_description *task, int sets, struct task_layout *layout);

#endif
