#include "kernel/random.h"

#include "kernel/simd_math.h"

#include <Random123/philox.h>
#include <string.h>

// Indices computed together, in whole vectors.
enum { CHUNK = 64, OUTPUTS = 4 };

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

SIMD_INLINE void philox_chunk(uint32_t bits[OUTPUTS][CHUNK], philox4x32_key_t key, philox4x32_ctr_t start)
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

// Two normals from two words, of which 24 bits each are used.
SIMD_INLINE void box_muller(float *restrict cosine, float *restrict sine, const uint32_t *restrict radius,
                            const uint32_t *restrict angle)
{
    for (int i = 0; i < CHUNK; i += SIMD_FLOATS) {
        simd_int first, second;
        simd_float s, c;
        memcpy(&first, radius + i, sizeof first);
        memcpy(&second, angle + i, sizeof second);
        first = (simd_int)((simd_word)first >> 8);
        second = (simd_int)((simd_word)second >> 8);
        simd_float u = (__builtin_convertvector(first, simd_float) + 0.5f) * 0x1p-24f;
        simd_float r = simd_sqrt(-2 * simd_log(u));
        simd_sincos_turns(__builtin_convertvector(second, simd_float) * 0x1p-24f, &s, &c);
        simd_store(cosine + i, r * c);
        simd_store(sine + i, r * s);
    }
}

void SIMD_NAME(random_normals)(float *z, const struct random_stream *stream, int64_t first, int indices,
                               int count, int stride)
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

void SIMD_NAME(random_uniform)(float *u, const struct random_stream *stream, int64_t index, int64_t count)
{
    philox4x32_key_t key = stream_key(stream);
    for (int64_t k = 0; k < count; k++) {
        philox4x32_ctr_t out = philox4x32(counter(stream, (uint32_t)index, (uint32_t)(k / OUTPUTS)), key);
        int32_t step = (int32_t)(out.v[k % OUTPUTS] >> 8);
        u[k] = (float)(2 * step + 1 - (1 << 24)) * 0x1p-24f; // midpoint of one of 2^24 intervals, exact
    }
}
