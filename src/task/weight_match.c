#include "task/weight_match.h"

#include "base/memory.h"
#include "kernel/assignment.h"

#include <math.h>
#include <stdlib.h>

struct weight_matcher {
    int inputs, units, outputs;
    double *incoming[2], *outgoing[2]; // [0] truth, [1] guess: u [units, inputs], v [units, outputs]
    double *length[2];                 // |v|, [units]
    double *cost; // [units, units]: negative scalar products of the units of truth and guess
    int *matched; // [units]: the unit of guess matched to each unit of truth
    void *work;
    double *memory;
};

enum status weight_match_create(const struct generator_shape *shape, struct weight_matcher **out)
{
    struct weight_matcher *matcher = memory_small(sizeof *matcher);
    size_t h = (size_t)shape->hidden.width[0], d = (size_t)shape->inputs, o = (size_t)shape->outputs;
    size_t generator_doubles = h * (d + o + 1);
    size_t bytes =
        (2 * generator_doubles + h * h) * sizeof(double) + assignment_work_bytes((int)h) + h * sizeof(int);
    *out = matcher;
    matcher->inputs = (int)d;
    matcher->units = (int)h;
    matcher->outputs = (int)o;
    enum status status = memory_alloc(bytes, (void **)&matcher->memory);
    if (status != STATUS_OK) {
        weight_match_destroy(out);
        return status;
    }
    double *next = matcher->memory;
    for (int i = 0; i < 2; i++, next += generator_doubles) {
        matcher->incoming[i] = next;
        matcher->outgoing[i] = next + h * d;
        matcher->length[i] = next + h * (d + o);
    }
    matcher->cost = next;
    matcher->work = next + h * h;
    matcher->matched = (int *)((char *)matcher->work + assignment_work_bytes((int)h));
    return STATUS_OK;
}

void weight_match_destroy(struct weight_matcher **matcher)
{
    if (!*matcher)
        return;
    memory_free((void **)&(*matcher)->memory);
    free(*matcher);
    *matcher = NULL;
}

static double dot(const double *a, const double *b, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

// Normalises the units of generator i (0 truth, 1 guess). Returns the squared norm of its vector.
static double normalise(struct weight_matcher *matcher, int i, const float *weights, int stride)
{
    int d = matcher->inputs, h = matcher->units, o = matcher->outputs;
    double squares = 0;
    for (int j = 0; j < h; j++) {
        double *u = matcher->incoming[i] + j * d, *v = matcher->outgoing[i] + j * o;
        for (int k = 0; k < d; k++)
            u[k] = (double)weights[(size_t)(k * h + j) * (size_t)stride];
        for (int k = 0; k < o; k++)
            v[k] = (double)weights[(size_t)(d * h + j * o + k) * (size_t)stride];
        double scale = sqrt(dot(u, u, d));
        for (int k = 0; k < d; k++)
            u[k] = scale > 0 ? u[k] / scale : 0;
        for (int k = 0; k < o; k++)
            v[k] *= scale;
        matcher->length[i][j] = sqrt(dot(v, v, o));
        squares += dot(v, v, o);
    }
    return squares;
}

// Scalar product of the vectors of unit j of truth and unit k of guess.
static double scalar_product(const struct weight_matcher *matcher, int j, int k)
{
    int d = matcher->inputs, o = matcher->outputs;
    double lengths = matcher->length[0][j] * matcher->length[1][k];
    double outgoing = dot(matcher->outgoing[0] + j * o, matcher->outgoing[1] + k * o, o);
    return dot(matcher->incoming[0] + j * d, matcher->incoming[1] + k * d, d) * (lengths + outgoing) / 2;
}

struct weight_match weight_match_compare(struct weight_matcher *matcher, const float *truth, int truth_stride,
                                         const float *guess, int guess_stride)
{
    int h = matcher->units;
    double truth_squares = normalise(matcher, 0, truth, truth_stride),
           guess_squares = normalise(matcher, 1, guess, guess_stride);
    if (!(truth_squares > 0 && guess_squares > 0) || !isfinite(truth_squares) || !isfinite(guess_squares))
        return (struct weight_match){NAN, NAN};
    for (int j = 0; j < h; j++)
        for (int k = 0; k < h; k++)
            matcher->cost[j * h + k] = -scalar_product(matcher, j, k);
    assignment_solve(matcher->cost, h, matcher->matched, matcher->work);
    double sum = 0;
    for (int j = 0; j < h; j++)
        sum -= matcher->cost[j * h + matcher->matched[j]];
    double distance = truth_squares + guess_squares - 2 * sum; // may be negative by rounding
    return (struct weight_match){.cosine = sum / sqrt(truth_squares * guess_squares),
                                 .error = distance > 0 ? sqrt(distance / truth_squares) : 0};
}
