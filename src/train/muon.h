/* Muon's step for one hidden matrix: momentum, made nearly orthogonal by Newton-Schulz. */
#ifndef TRAIN_MUON_H
#define TRAIN_MUON_H

#include "spec/training_spec.h"

/* m <- 0.95 m + 0.05 g; u = 0.05 g + 0.95 m, orthogonalised; p -= 0.2 sqrt(max(rows, columns)) rate u. The
 * operands of the products are rounded to `precision`, all else is fp32. p, g, m [rows, columns]; work
 * [training_optimizer_floats] */
void muon_step(const struct tensor *tensor, enum precision precision, double rate, float *p, const float *g,
               float *m, float *work);

/* The momentum alone, m <- 0.95 m + 0.05 g: what a rank does for a matrix that another rank orthogonalises.
 */
void muon_momentum(float *m, const float *g, size_t count);

#endif
