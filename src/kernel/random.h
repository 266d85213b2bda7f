/* Random numbers as a function of (seed, purpose, step, index), never of history.
 *
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) from Random123, keyed
 * by the seed; normals by Box-Muller. Number k of the stream (purpose, step, index) does not depend on which
 * other numbers are computed with it. */
#ifndef KERNEL_RANDOM_H
#define KERNEL_RANDOM_H

#include "kernel/simd_set.h"

#include <stdint.h>

/* Purpose of a stream: two uses never share random numbers. Results depend on the values: never renumber. */
enum random_purpose {
    RANDOM_PARAMETERS = 0,         // a model's initial parameters; index = tensor
    RANDOM_TRAIN_GENERATOR = 1,    // weights of a training generator; index = generator in the batch
    RANDOM_TRAIN_INPUT = 2,        // inputs of the pairs of a training generator
    RANDOM_TRAIN_PROBE = 3,        // evaluation inputs of the loss of a training generator
    RANDOM_HELD_OUT_GENERATOR = 4, // weights of a held-out generator; step 0
    RANDOM_HELD_OUT_INPUT = 5,     // inputs of the pairs of a held-out generator
    RANDOM_HELD_OUT_PROBE = 6,     // evaluation inputs of a held-out generator
    RANDOM_TRAIN_EQUATIONS = 7,    // number of pairs per set in a step; index 0
    RANDOM_HELD_OUT_NOISE = 8,     // noise on the y of held-out pairs
    RANDOM_FIT_START = 9,          // initial weights of a direct fit; step = start, index = generator
    RANDOM_TRAIN_NOISE = 10,       // noise on the y of training pairs
    RANDOM_TRAIN_NOISE_LEVEL = 11, // standard deviation of the training noise, if training_noise is a range
};

struct random_stream {
    int64_t seed;
    enum random_purpose purpose;
    int64_t step;
};

/* N(0, 1): number k of the stream of index first + i goes to z[k * stride + i], k < count, i < indices.
 * z [count, stride] */
SIMD_FUNCTION(void, random_normals, float *z, const struct random_stream *stream, int64_t first, int indices,
              int count, int stride);
#define random_normals SIMD_CHOOSE(random_normals)

/* U(-1, 1), open at both ends: numbers 0 .. count - 1 of one index. u [count] */
SIMD_FUNCTION(void, random_uniform, float *u, const struct random_stream *stream, int64_t index,
              int64_t count);
#define random_uniform SIMD_CHOOSE(random_uniform)

#endif
