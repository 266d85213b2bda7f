/* The small networks whose weights are to be inferred, many generators at once.
 *
 * Every array holds number k of all generators together, [k, lanes]; `lanes` is a multiple of LANES. A
 * generator's weights are those of task/description.h. `scratch` [generator_scratch(shape), LANES] is room to
 * work in. */
#ifndef TASK_GENERATOR_H
#define TASK_GENERATOR_H

#include "spec/task_spec.h"

/* Turns N(0, 1) numbers into weights of the shape's initialisation, in place.  weights [unknowns, lanes] */
void generator_scale_weights(const struct generator_shape *shape, float *weights, int lanes);

/* y = the generators' outputs.  x [points d, lanes], weights [unknowns, lanes], y [points o, lanes] */
void generator_apply(const struct generator_shape *shape, const float *weights, const float *x, int points,
                     int lanes, float *scratch, float *y);

/* loss = mean over the points and outputs of (y of `weights` - target)^2; dweights = `scale` times its
 * gradient. target [points o, lanes], loss [lanes], dweights [unknowns, lanes] */
void generator_loss(const struct generator_shape *shape, const float *weights, const float *x,
                    const float *target, int points, int lanes, float scale, float *scratch, float *loss,
                    float *dweights);

#endif
