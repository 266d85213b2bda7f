#include "train/optimizer.h"

#include "base/memory.h"
#include "kernel/math.h"
#include "train/muon.h"
#include "train/updates.h"

#include <math.h>
#include <stdlib.h>

struct optimizer {
    enum optimizer_kind kind;
    enum precision precision;
    const struct tensor_table *table;
    float *work;   // of muon: [training_optimizer_floats]
    MPI_Comm comm; // ranks that share muon's matrices
    int rank, ranks;
};

enum status optimizer_create(enum optimizer_kind kind, enum precision precision,
                             const struct tensor_table *table, struct optimizer **out)
{
    struct optimizer *optimizer = memory_small(sizeof *optimizer);
    *optimizer = (struct optimizer){
        .kind = kind, .precision = precision, .table = table, .comm = MPI_COMM_NULL, .ranks = 1};
    *out = optimizer;
    if (kind != OPTIMIZER_MUON)
        return STATUS_OK;
    enum status status = memory_alloc(training_optimizer_floats(kind, precision, table) * sizeof(float),
                                      (void **)&optimizer->work);
    if (status != STATUS_OK)
        optimizer_destroy(out);
    return status;
}

void optimizer_destroy(struct optimizer **optimizer)
{
    if (!*optimizer)
        return;
    memory_free((void **)&(*optimizer)->work);
    free(*optimizer);
    *optimizer = NULL;
}

void optimizer_share(struct optimizer *optimizer, MPI_Comm comm)
{
    optimizer->comm = comm;
    MPI_Comm_rank(comm, &optimizer->rank);
    MPI_Comm_size(comm, &optimizer->ranks);
}

// Orthogonalises this rank's matrices and starts the broadcasts of all matrices. Returns the number of
// requests.
static int start_muon(struct optimizer *optimizer, double rate, float *parameters, const float *gradient,
                      float *momentum, MPI_Request request[TENSORS_MAX])
{
    int matrices = 0;
    for (int i = 0; i < optimizer->table->count; i++) {
        const struct tensor *tensor = &optimizer->table->tensors[i];
        size_t at = tensor->offset;
        if (!tensor->hidden_matrix)
            continue;
        int owner = matrices % optimizer->ranks;
        if (owner == optimizer->rank)
            muon_step(tensor, optimizer->precision, rate, parameters + at, gradient + at, momentum + at,
                      optimizer->work);
        else
            muon_momentum(momentum + at, gradient + at, tensor_size(tensor));
        if (optimizer->ranks > 1)
            MPI_Ibcast(parameters + at, (int)tensor_size(tensor), MPI_FLOAT, owner, optimizer->comm,
                       &request[matrices]);
        matrices++;
    }
    return optimizer->ranks > 1 ? matrices : 0;
}

void optimizer_step(struct optimizer *optimizer, int64_t step, double rate, float *parameters,
                    const float *gradient, float *first, float *second)
{
    double corrected = rate / (1 - math_power(updates_beta1, (uint64_t)step + 1));
    double root_correction = sqrt(1 - math_power(updates_beta2, (uint64_t)step + 1));
    bool muon = optimizer->kind == OPTIMIZER_MUON;
    MPI_Request request[TENSORS_MAX];
    int requests = muon ? start_muon(optimizer, rate, parameters, gradient, first, request) : 0;
    for (int i = 0; i < optimizer->table->count; i++) {
        const struct tensor *tensor = &optimizer->table->tensors[i];
        size_t at = tensor->offset;
        if (!muon || !tensor->hidden_matrix)
            updates_adam(parameters + at, gradient + at, first + at, second + at, tensor_size(tensor),
                         (float)corrected, (float)root_correction);
    }
    for (int i = 0; i < requests; i++) // gcc warns about MPI_Waitall without statuses in MPICH's mpi.h
        MPI_Wait(&request[i], MPI_STATUS_IGNORE);
}
