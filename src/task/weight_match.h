/* Whether two generators have the same weights, and not only nearly the same outputs.
 *
 * A generator's hidden units can stand in any order, and a relu or leaky-relu unit's incoming weights can be
 * multiplied by any c > 0 if its outgoing ones are divided by it: neither changes y. So each unit is
 * normalised, its incoming weights to a vector u of unit norm, their scale moved to its outgoing ones, v
 * [outputs]; and units are matched by optimal assignment.
 *
 * What is compared is one vector a unit: |v| u, followed by v_k u for each output k, over sqrt 2. Its length
 * is |v|, as much as the unit contributes to y, and the scalar product of two is |v| |v'| cos(u, u') (1 +
 * cos(v, v')) / 2. With one output, where v is a number, that is v v' cos(u, u') if both have the same sign
 * and 0 if not. A generator's vector is that of all its units, one after the other, in the matched order: the
 * one that makes the scalar product of the two generators' vectors greatest, and so their distance least. */
#ifndef TASK_WEIGHT_MATCH_H
#define TASK_WEIGHT_MATCH_H

#include "base/status.h"
#include "spec/task_spec.h"

struct match {
    double cosine; // of the two vectors: 1 if and only if the weights are the same up to one common factor
    double error;  // |difference of the vectors| / |truth's|: 0 if and only if the weights are the same
};

struct matcher;

/* For generators with one hidden layer. STATUS_MEMORY. */
enum status matcher_create(const struct generator_shape *shape, struct matcher **matcher);
void matcher_destroy(struct matcher **matcher);

/* Number k of a generator's weights stands at [k * its stride]. NaN where a vector is zero or not finite. */
struct match match_weights(struct matcher *matcher, const float *truth, int truth_stride, const float *guess,
                           int guess_stride);

#endif
