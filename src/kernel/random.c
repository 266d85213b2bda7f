#include "kernel/random.h"

#include "kernel/lanes.h"

#include <Random123/philox.h>
#include <math.h>
#include <string.h>

// glibc's libmvec has vector forms of these; the attribute lets loops use them without -ffast-math.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((simd("notinbranch"))) float logf(float);
__attribute__((simd("notinbranch"))) float sinf(float);
#endif

// Indices computed together. A constant, so that every element takes the vector path: libmvec's scalar
// functions round differently, and an element must not depend on how many are requested.
enum { CHUNK = 64, OUTPUTS = 4 };

static const float turn = (float)(2 * M_PI * 0x1p-24); // angle of one of 2^24 steps
enum { STEPS_MASK = (1 << 24) - 1, QUARTER = 1 << 22 };

static inline philox4x32_key_t stream_key(const struct random_stream *stream)
{
    uint64_t seed = (uint64_t)stream->seed;
    return (philox4x32_key_t){{(uint32_t)seed, (uint32_t)(seed >> 32)}};
}

static inline philox4x32_ctr_t counter(const struct random_stream *stream, uint32_t index, uint32_t block)
{
    uint64_t step = (uint64_t)stream->step;
    // Steps stay below 2^56: the top byte names the purpose.
    uint32_t high = (uint32_t)(step >> 32) | (uint32_t)stream->purpose << 24;
    return (philox4x32_ctr_t){{index, block, (uint32_t)step, high}};
}

CLONES
static void philox_chunk(uint32_t bits[OUTPUTS][CHUNK], philox4x32_key_t key, philox4x32_ctr_t start)
{
    for (uint32_t i = 0; i < CHUNK; i++) {
        philox4x32_ctr_t at = {{start.v[0] + i, start.v[1], start.v[2], start.v[3]}};
        philox4x32_ctr_t out = philox4x32(at, key);
        bits[0][i] = out.v[0];
        bits[1][i] = out.v[1];
        bits[2][i] = out.v[2];
        bits[3][i] = out.v[3];
    }
}

// Two normals from two words. cos(t) is sin(t + a quarter turn), exact in integers: the compiler would fuse
// sin and cos of one argument into sincos, which has no vector form.
CLONES
static void box_muller(float *restrict cosine, float *restrict sine, const uint32_t *restrict radius,
                       const uint32_t *restrict angle)
{
    for (int i = 0; i < CHUNK; i++) {
        float u = ((float)(int32_t)(radius[i] >> 8) + 0.5f) * 0x1p-24f;
        int32_t step = (int32_t)(angle[i] >> 8);
        float r = sqrtf(-2.0f * logf(u));
        cosine[i] = r * sinf((float)((step + QUARTER) & STEPS_MASK) * turn);
        sine[i] = r * sinf((float)step * turn);
    }
}

void random_normals(float *z, const struct random_stream *stream, int64_t first, int indices, int count,
                    int stride)
{
    philox4x32_key_t key = stream_key(stream);
    uint32_t bits[OUTPUTS][CHUNK];
    float normals[OUTPUTS][CHUNK];
    for (int i = 0; i < indices; i += CHUNK) {
        size_t bytes = (size_t)(indices - i < CHUNK ? indices - i : CHUNK) * sizeof(float);
        for (int k = 0; k < count; k += OUTPUTS) {
            philox_chunk(bits, key, counter(stream, (uint32_t)(first + i), (uint32_t)(k / OUTPUTS)));
            box_muller(normals[0], normals[1], bits[0], bits[1]);
            box_muller(normals[2], normals[3], bits[2], bits[3]);
            for (int j = 0; j < OUTPUTS && k + j < count; j++)
                memcpy(z + (size_t)(k + j) * (size_t)stride + i, normals[j], bytes);
        }
    }
}

void random_uniform(float *u, const struct random_stream *stream, int64_t index, int64_t count)
{
    philox4x32_key_t key = stream_key(stream);
    for (int64_t k = 0; k < count; k++) {
        philox4x32_ctr_t out = philox4x32(counter(stream, (uint32_t)index, (uint32_t)(k / OUTPUTS)), key);
        int32_t step = (int32_t)(out.v[k % OUTPUTS] >> 8);
        u[k] = (float)(2 * step + 1 - (1 << 24)) * 0x1p-24f; // midpoint of one of 2^24 intervals, exact
    }
}
