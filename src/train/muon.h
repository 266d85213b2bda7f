/* Muon's step for one hidden matrix: momentum, orthogonalised by Newton-Schulz iterations. */
#ifndef TRAIN_MUON_H
#define TRAIN_MUON_H

#include "spec/training_spec.h"

/* m <- 0.95 m + 0.05 g; u = 0.05 g + 0.95 m, orthogonalised; p -= 0.2 sqrt(max(rows, columns)) rate u. The
 * GEMM operands are rounded to `precision`; everything else is fp32.
 * p, g, m [rows, columns], work [training_optimizer_floats] */
void muon_step(const struct tensor *tensor, enum precision precision, double rate, float *p, const float *g,
               float *m, float *work);

/* Updates only the momentum, m <- 0.95 m + 0.05 g, of a matrix that another rank orthogonalises. */
void muon_momentum(float *m, const float *g, size_t count);

#endif
