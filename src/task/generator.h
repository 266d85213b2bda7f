/* Outputs and losses of many generators at once.
 *
 * Every array is [k, lanes], one lane per generator; `lanes` is a multiple of LANES. spec/task_spec.h defines
 * a generator and the order of its weights. `scratch` [generator_block_scratch(shape), LANES] is
 * a temporary buffer. */
#ifndef TASK_GENERATOR_H
#define TASK_GENERATOR_H

#include "kernel/simd_set.h"
#include "spec/task_spec.h"

/* Scales N(0, 1) values to the shape's initialisation, in place.  weights [unknowns, lanes] */
SIMD_FUNCTION(void, generator_scale_weights, const struct generator_shape *shape, float *weights, int lanes);
#define generator_scale_weights SIMD_CHOOSE(generator_scale_weights)

/* Computes the outputs y of the generators.  weights [unknowns, lanes], x [points d, lanes], y [points o,
 * lanes] */
SIMD_FUNCTION(void, generator_apply, const struct generator_shape *shape, const float *weights,
              const float *x, int points, int lanes, float *scratch, float *y);
#define generator_apply SIMD_CHOOSE(generator_apply)

/* Computes loss, the mean over points and outputs of (y of `weights` - target)^2, and dweights, `scale` times
 * its gradient.  weights, dweights [unknowns, lanes], x [points d, lanes], target [points o, lanes], loss
 * [lanes] */
SIMD_FUNCTION(void, generator_loss, const struct generator_shape *shape, const float *weights, const float *x,
              const float *target, int points, int lanes, float scale, float *scratch, float *loss,
              float *dweights);
#define generator_loss SIMD_CHOOSE(generator_loss)

#endif
