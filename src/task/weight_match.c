#include "task/weight_match.h"

#include "base/memory.h"
#include "kernel/assignment.h"

#include <math.h>
#include <stdlib.h>

struct matcher {
    int inputs, units, outputs;
    double *incoming[2], *outgoing[2]; // of truth and guess: [units, inputs], [units, outputs]
    double *length[2];                 // |v|, [units]
    double *cost; // [units, units]: scalar products of truth's and guess's units, negative
    int *matched; // the guess's unit for each of the truth's
    void *work;
    double *memory;
};

enum status matcher_create(const struct generator_shape *shape, struct matcher **out)
{
    struct matcher *matcher = memory_small(sizeof *matcher);
    size_t h = (size_t)shape->hidden.width[0], d = (size_t)shape->inputs, o = (size_t)shape->outputs;
    size_t a_generator = h * (d + o + 1);
    size_t bytes =
        (2 * a_generator + h * h) * sizeof(double) + assignment_work_bytes((int)h) + h * sizeof(int);
    *out = matcher;
    matcher->inputs = (int)d;
    matcher->units = (int)h;
    matcher->outputs = (int)o;
    enum status status = memory_alloc(bytes, (void **)&matcher->memory);
    if (status != STATUS_OK) {
        matcher_destroy(out);
        return status;
    }
    double *at = matcher->memory;
    for (int i = 0; i < 2; i++, at += a_generator) {
        matcher->incoming[i] = at;
        matcher->outgoing[i] = at + h * d;
        matcher->length[i] = at + h * (d + o);
    }
    matcher->cost = at;
    matcher->work = at + h * h;
    matcher->matched = (int *)((char *)matcher->work + assignment_work_bytes((int)h));
    return STATUS_OK;
}

void matcher_destroy(struct matcher **matcher)
{
    if (!*matcher)
        return;
    memory_free((void **)&(*matcher)->memory);
    free(*matcher);
    *matcher = NULL;
}

static double product(const double *a, const double *b, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

// Generator i's units, normalised. Returns the square of the norm of its vector.
static double normalise(struct matcher *matcher, int i, const float *weights, int stride)
{
    int d = matcher->inputs, h = matcher->units, o = matcher->outputs;
    double squares = 0;
    for (int j = 0; j < h; j++) {
        double *u = matcher->incoming[i] + j * d, *v = matcher->outgoing[i] + j * o;
        for (int k = 0; k < d; k++)
            u[k] = (double)weights[(size_t)(k * h + j) * (size_t)stride];
        for (int k = 0; k < o; k++)
            v[k] = (double)weights[(size_t)(d * h + j * o + k) * (size_t)stride];
        double scale = sqrt(product(u, u, d));
        for (int k = 0; k < d; k++)
            u[k] = scale > 0 ? u[k] / scale : 0;
        for (int k = 0; k < o; k++)
            v[k] *= scale;
        matcher->length[i][j] = sqrt(product(v, v, o));
        squares += product(v, v, o);
    }
    return squares;
}

// Of the truth's unit j and the guess's unit k.
static double scalar_product(const struct matcher *matcher, int j, int k)
{
    int d = matcher->inputs, o = matcher->outputs;
    double lengths = matcher->length[0][j] * matcher->length[1][k];
    double outgoing = product(matcher->outgoing[0] + j * o, matcher->outgoing[1] + k * o, o);
    return product(matcher->incoming[0] + j * d, matcher->incoming[1] + k * d, d) * (lengths + outgoing) / 2;
}

struct match match_weights(struct matcher *matcher, const float *truth, int truth_stride, const float *guess,
                           int guess_stride)
{
    int h = matcher->units;
    double truth_squares = normalise(matcher, 0, truth, truth_stride),
           guess_squares = normalise(matcher, 1, guess, guess_stride);
    if (!(truth_squares > 0 && guess_squares > 0) || !isfinite(truth_squares) || !isfinite(guess_squares))
        return (struct match){NAN, NAN};
    for (int j = 0; j < h; j++)
        for (int k = 0; k < h; k++)
            matcher->cost[j * h + k] = -scalar_product(matcher, j, k);
    assignment_solve(matcher->cost, h, matcher->matched, matcher->work);
    double sum = 0;
    for (int j = 0; j < h; j++)
        sum -= matcher->cost[j * h + matcher->matched[j]];
    double distance = truth_squares + guess_squares - 2 * sum; // rounding may leave it just below 0
    return (struct match){.cosine = sum / sqrt(truth_squares * guess_squares),
                          .error = distance > 0 ? sqrt(distance / truth_squares) : 0};
}
