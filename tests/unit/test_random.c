// Random numbers: Philox itself, normals recomputed from its words, the same number in whatever company.
#include "kernel/random.h"

#include "base/memory.h"
#include "reference.h"

#include <Random123/philox.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double normal_error = 5e-6; // the rounded angle times the largest radius
static const double normal_max = 5.8871; // sqrt(-2 log 2^-25)
static const int64_t many = 1000000;
static const double deviations = 5; // how far a moment may be from its expectation, in standard deviations

static const enum random_purpose purposes[] = {
    RANDOM_PARAMETERS,         RANDOM_TRAIN_GENERATOR, RANDOM_TRAIN_INPUT,    RANDOM_TRAIN_PROBE,
    RANDOM_HELD_OUT_GENERATOR, RANDOM_HELD_OUT_INPUT,  RANDOM_HELD_OUT_PROBE, RANDOM_TRAIN_EQUATIONS,
    RANDOM_HELD_OUT_NOISE,     RANDOM_FIT_START,       RANDOM_TRAIN_NOISE,    RANDOM_TRAIN_NOISE_LEVEL,
};
enum { PURPOSES = sizeof purposes / sizeof *purposes };

// Random123's published vectors for philox4x32-10.
static void test_philox_known_answers(void **state)
{
    (void)state;
    static const struct {
        philox4x32_ctr_t counter;
        philox4x32_key_t key;
        philox4x32_ctr_t words;
    } known[] = {
        {{{0, 0, 0, 0}}, {{0, 0}}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
        {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
         {{0xffffffff, 0xffffffff}},
         {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
        {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
         {{0xa4093822, 0x299f31d0}},
         {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        philox4x32_ctr_t words = philox4x32(known[i].counter, known[i].key);
        assert_memory_equal(&words, &known[i].words, sizeof words);
    }
}

// The words behind numbers 4 block .. 4 block + 3 of an index.
static philox4x32_ctr_t words_of(const struct random_stream *stream, int64_t index, int block)
{
    uint64_t seed = (uint64_t)stream->seed, step = (uint64_t)stream->step;
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    uint32_t high = (uint32_t)(step >> 32) | (uint32_t)stream->purpose << 24;
    philox4x32_ctr_t counter = {{(uint32_t)index, (uint32_t)block, (uint32_t)step, high}};
    return philox4x32(counter, key);
}

// Two words make two normals: cosine first, then sine.
static double box_muller(philox4x32_ctr_t words, int k)
{
    uint32_t radius = words.v[k & ~1] >> 8, angle = words.v[k | 1] >> 8;
    double u = (double)(float)(radius + 0.5) * 0x1p-24; // as a float: rounded above one half
    double turn = 2 * M_PI * angle * 0x1p-24;
    return sqrt(-2 * log(u)) * (k & 1 ? sin(turn) : cos(turn));
}

static void test_normals_are_box_muller(void **state)
{
    (void)state;
    static const struct random_stream streams[] = {
        {.seed = 0},
        {.seed = 1, .purpose = RANDOM_TRAIN_INPUT, .step = 29999},
        {.seed = -5, .purpose = RANDOM_HELD_OUT_PROBE, .step = INT64_C(0x123456789abcd)},
    };
    enum { COUNT = 23, INDICES = 300 };
    int64_t first = 1000;
    float z[COUNT * INDICES];
    for (size_t s = 0; s < sizeof streams / sizeof *streams; s++) {
        random_normals(z, &streams[s], first, INDICES, COUNT, INDICES);
        for (int k = 0; k < COUNT; k++)
            for (int i = 0; i < INDICES; i++) {
                double want = box_muller(words_of(&streams[s], first + i, k / 4), k % 4);
                assert_true(fabs((double)z[k * INDICES + i] - want) < normal_error);
            }
    }
}

static void test_random_number_does_not_depend_on_the_batch(void **state)
{
    (void)state;
    enum { COUNT = 37, INDICES = 200, STRIDE = 224 };
    static float all[COUNT * INDICES], some[COUNT * STRIDE];
    static const struct {
        int first, indices, count, stride;
    } asked[] = {{0, 1, 1, 1},     {0, 200, 37, 200}, {7, 64, 37, 64},  {63, 65, 5, 80},
                 {64, 16, 36, 16}, {199, 1, 37, 3},   {3, 130, 2, 224}, {100, 33, 9, 48}};
    struct random_stream stream = {.seed = 3, .purpose = RANDOM_TRAIN_GENERATOR, .step = 17};
    int64_t base = INT64_C(1) << 20;
    random_normals(all, &stream, base, INDICES, COUNT, INDICES);
    for (size_t a = 0; a < sizeof asked / sizeof *asked; a++) {
        memset(some, 0xff, sizeof some);
        random_normals(some, &stream, base + asked[a].first, asked[a].indices, asked[a].count,
                       asked[a].stride);
        for (int k = 0; k < asked[a].count; k++) {
            float *row = some + k * asked[a].stride;
            assert_memory_equal(row, all + k * INDICES + asked[a].first,
                                (size_t)asked[a].indices * sizeof *row);
            for (int i = asked[a].indices; i < asked[a].stride; i++)
                assert_true(isnan(row[i])); // untouched
        }
    }
}

static void test_streams_differ(void **state)
{
    (void)state;
    struct random_stream streams[PURPOSES + 5];
    int count = 0;
    for (int i = 0; i < PURPOSES; i++)
        streams[count++] = (struct random_stream){.seed = 1, .purpose = purposes[i], .step = 2};
    streams[count++] = (struct random_stream){.seed = 2, .step = 2};
    streams[count++] = (struct random_stream){.seed = INT64_C(1) + (INT64_C(1) << 32), .step = 2};
    streams[count++] = (struct random_stream){.seed = 1, .step = 3};
    streams[count++] = (struct random_stream){.seed = 1, .step = INT64_C(2) + (INT64_C(1) << 32)};
    streams[count++] = (struct random_stream){.seed = 1, .step = INT64_C(2) + (INT64_C(1) << 55)};
    float first[PURPOSES + 5];
    for (int i = 0; i < count; i++) {
        random_normals(&first[i], &streams[i], 0, 1, 1, 1);
        for (int j = 0; j < i; j++)
            assert_true(first[i] != first[j]);
    }
}

static void test_moments_of_normals(void **state)
{
    (void)state;
    enum { COUNT = 10 };
    int indices = (int)(many / COUNT);
    float *z = reference_floats((size_t)many);
    random_normals(z, &(struct random_stream){.seed = 4, .purpose = RANDOM_TRAIN_INPUT}, 0, indices, COUNT,
                   indices);
    double sum[5] = {0}, largest = 0, neighbours = 0, pair = 0;
    for (int64_t i = 0; i < many; i++) {
        double value = (double)z[i], power = 1;
        assert_true(isfinite(value));
        for (int p = 1; p <= 4; p++)
            sum[p] += (power *= value) / (double)many;
        largest = fmax(largest, fabs(value));
        if (i + 1 < many)
            neighbours += value * (double)z[i + 1] / (double)many; // of two indices
        if (i + indices < many)
            pair += value * (double)z[i + indices] / (double)many; // of one index
    }
    double mean = sum[1], variance = sum[2] - mean * mean;
    double third = sum[3] - 3 * mean * sum[2] + 2 * mean * mean * mean;
    double fourth = sum[4] - 4 * mean * sum[3] + 6 * mean * mean * sum[2] - 3 * mean * mean * mean * mean;
    double bound = deviations / sqrt((double)many);
    assert_true(fabs(mean) < bound);
    assert_true(fabs(variance - 1) < sqrt(2) * bound);
    assert_true(fabs(third / pow(variance, 1.5)) < sqrt(6) * bound);
    assert_true(fabs(fourth / (variance * variance) - 3) < sqrt(24) * bound);
    assert_true(fabs(neighbours) < bound);
    assert_true(fabs(pair) < bound);
    assert_true(largest > 4 && largest < normal_max);
    memory_free((void **)&z);
}

static void test_uniform(void **state)
{
    (void)state;
    float *u = reference_floats((size_t)many), alone[5];
    struct random_stream stream = {.seed = 4, .purpose = RANDOM_PARAMETERS};
    random_uniform(u, &stream, 3, many);
    random_uniform(alone, &stream, 3, 5);
    assert_memory_equal(u, alone, sizeof alone);
    double mean = 0, square = 0;
    for (int64_t i = 0; i < many; i++) {
        assert_true(u[i] > -1 && u[i] < 1);
        mean += (double)u[i] / (double)many;
        square += (double)u[i] * (double)u[i] / (double)many;
    }
    double bound = deviations / sqrt((double)many);
    assert_true(fabs(mean) < bound / sqrt(3));
    assert_true(fabs(square - 1.0 / 3) < bound * sqrt(4.0 / 45));
    memory_free((void **)&u);
}

// Where Philox gives the greatest and the least of 2^24 steps: the ends are open there too.
static void test_uniform_is_open(void **state)
{
    (void)state;
    static const struct {
        int64_t index;
        int k;
        float value;
    } extremes[] = {{6318945, 1, 1 - 0x1p-24f}, {10460476, 3, -1 + 0x1p-24f}};
    struct random_stream stream = {.seed = 1};
    float u[4];
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
        random_uniform(u, &stream, extremes[i].index, 4);
        assert_true(u[extremes[i].k] == extremes[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_normals_are_box_muller),
        cmocka_unit_test(test_random_number_does_not_depend_on_the_batch),
        cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_moments_of_normals),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_uniform_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
