/* The measurements of `bench`. Each function repeats an operation for about `seconds` and sets *each to the
 * median time of one operation in seconds. */
#ifndef DRIVER_BENCH_MEASURE_H
#define DRIVER_BENCH_MEASURE_H

#include "base/status.h"
#include "sweep/sweep.h"
#include "train/train.h"

/* Variants of a GEMM in the training step: C = A B with a packed weight B, or C += A^T B, the gradient of a
 * weight. */
enum bench_kind { BENCH_PACKED, BENCH_GRADIENT };

/* C [m, n] from k products per element. */
struct bench_gemm {
    enum bench_kind kind;
    int m, n, k;
};

/* One GEMM on random data. The type of C is the one that the training step uses. */
enum status bench_gemm(enum precision precision, const struct bench_gemm *shape, double seconds,
                       double *each);

/* One training step of the run on all ranks of comm. Collective; *each is the same on all ranks. */
enum status bench_step(const struct run_spec *run, MPI_Comm comm, double seconds, double *each);

/* Generation of one normally distributed random number. */
enum status bench_normals(double seconds, double *each);

/* One optimizer update of all parameters of the table. */
enum status bench_optimizer(enum optimizer_kind kind, enum precision precision,
                            const struct tensor_table *table, double seconds, double *each);

/* One all-reduce of `count` floats: *each by the fixed tree, *mpi_each by MPI_Allreduce. The number of
 * repetitions is fixed, because it must be equal on all ranks. Collective. */
enum status bench_allreduce(size_t count, MPI_Comm comm, double *each, double *mpi_each);

/* Evaluation of one held-out generator, in batches of `sets`. */
enum status bench_evaluation(const struct task_spec *task, const struct model_spec *model, int sets,
                             double seconds, double *each);

/* One synced write of a checkpoint of the sweep's first run, to a results file in $TMPDIR or /tmp. */
enum status bench_checkpoint(const struct sweep *sweep, double *each);

#endif
