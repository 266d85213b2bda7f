/* Optimizers: they know the flat vector and its table of tensors, never the model.
 *
 * adam: Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015, as torch.optim.Adam (betas 0.9
 * and 0.999, eps 1e-8). muon: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024,
 * as torch.optim.Muon with adjust_lr_fn="match_rms_adamw" and no weight decay for the hidden matrices;
 * everything else follows adam. */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include "base/status.h"
#include "spec/training_spec.h"

#include <mpi.h>

struct optimizer;

/* `precision`: of muon's products. STATUS_MEMORY. The table stays the caller's and must outlive the
 * optimizer. */
enum status optimizer_create(enum optimizer_kind kind, enum precision precision,
                             const struct tensor_table *table, struct optimizer **optimizer);
void optimizer_destroy(struct optimizer **optimizer);

/* From now on the ranks of comm share muon's matrices: each is orthogonalised by one of them, in fixed
 * assignment, and handed to the others. Each step is then collective on comm. Not needed by a rank alone. */
void optimizer_share(struct optimizer *optimizer, MPI_Comm comm);

/* One step (counted from 0). first, second: the moments, zero before step 0; muon keeps its momentum in
 * `first`. parameters, gradient, first, second [table->parameters] */
void optimizer_step(struct optimizer *optimizer, int64_t step, double rate, float *parameters,
                    const float *gradient, float *first, float *second);

#endif
