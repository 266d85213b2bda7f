/* Comparison of the weights of two generators, invariant to the symmetries of the network.
 *
 * Two operations leave y unchanged: permuting the hidden units, and, for relu and leaky-relu, multiplying a
 * unit's incoming weights by c > 0 and dividing its outgoing weights by c. Hence each unit is normalised: its
 * incoming weights u have unit norm, and their scale is moved to its outgoing weights v [outputs]. The units
 * of the two generators are matched by optimal assignment.
 *
 * Each unit has the vector (|v| u, v_1 u, ..., v_o u) / sqrt 2. The norm of this vector is |v|, a
 * measure of the unit's contribution to y. The scalar product of two such vectors is |v| |v'| cos(u, u') (1 +
 * cos(v, v')) / 2; with one output it is v v' cos(u, u') if v and v' have the same sign, else 0. A
 * generator's vector concatenates the vectors of its units in the matched order, which maximises the scalar
 * product of the two generators' vectors and minimises their distance. */
#ifndef TASK_WEIGHT_MATCH_H
#define TASK_WEIGHT_MATCH_H

#include "base/status.h"
#include "spec/task_spec.h"

struct weight_match {
    double cosine; // of the two vectors: 1 if and only if the weights are the same up to one common factor
    double error; // |difference of the vectors| / |truth's vector|: 0 if and only if the weights are the same
};

struct weight_matcher;

/* Allocates buffers for generators of `shape`, which has one hidden layer. STATUS_MEMORY. */
enum status weight_match_create(const struct generator_shape *shape, struct weight_matcher **matcher);
void weight_match_destroy(struct weight_matcher **matcher);

/* Compares two generators. Weight k is at [k * stride]. Both results are NaN if a generator's vector is zero
 * or not finite. */
struct weight_match weight_match_compare(struct weight_matcher *matcher, const float *truth, int truth_stride,
                                         const float *guess, int guess_stride);

#endif
