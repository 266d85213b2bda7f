/* Optimizers. An optimizer works on the flat parameter vector and its table of tensors, for any model.
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

/* `precision`: of muon's GEMM operands. The caller keeps ownership of the table, which must outlive the
 * optimizer. STATUS_MEMORY. */
enum status optimizer_create(enum optimizer_kind kind, enum precision precision,
                             const struct tensor_table *table, struct optimizer **optimizer);
void optimizer_destroy(struct optimizer **optimizer);

/* Divides muon's matrices among the ranks of comm: in each step one rank orthogonalises a matrix, by a fixed
 * assignment, and broadcasts it. optimizer_step is then collective on comm. Not needed for one rank. Not
 * collective. */
void optimizer_share(struct optimizer *optimizer, MPI_Comm comm);

/* Updates the parameters and moments at `step`, counted from 0. The moments are zero before step 0; muon
 * keeps its momentum in `first`.  parameters, gradient, first, second [table->parameters] */
void optimizer_step(struct optimizer *optimizer, int64_t step, double rate, float *parameters,
                    const float *gradient, float *first, float *second);

#endif
