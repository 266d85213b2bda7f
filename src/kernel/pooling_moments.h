/* Mean and standard deviation over a set's pairs, in two passes: the deviations from the mean are squared, not the numbers. */
#ifndef KERNEL_POOLING_MOMENTS_H
#define KERNEL_POOLING_MOMENTS_H

#include "base/precision.h"

/* mean = mean over the pairs of z, deviation = sqrt(population variance + 1e-6).
 * z [sets, pairs, stride] in `precision`, moments [sets, 2, stride] */
void pooling_moments_forward(float *moments, const void *z, int sets, int pairs, int stride,
                             enum precision precision);

/* z becomes its own gradient, given that at the moments.  dmoments [sets, 2, stride]; the others as above */
void pooling_moments_backward(void *z, const float *dmoments, const float *moments, int sets, int pairs,
                              int stride, enum precision precision);

#endif
