/* The measurements of `bench`: each returns the median seconds of one of what it repeats, for about
 * `seconds`. */
#ifndef DRIVER_BENCH_MEASURE_H
#define DRIVER_BENCH_MEASURE_H

#include "base/status.h"
#include "sweep/sweep.h"
#include "train/train.h"

/* How the training step does a product: with a packed right-hand operand, plain, or plain and added to C. */
enum bench_kind { BENCH_PACKED, BENCH_PLAIN, BENCH_ADDED };

/* C [m, n] from operands with k. */
struct bench_gemm {
    enum bench_kind kind;
    int m, n, k;
};

/* On random data; results as the step stores them. */
enum status bench_gemm(enum precision precision, const struct bench_gemm *shape, double seconds,
                       double *each);

/* One training step of the run by all ranks of comm. Collective; the same on each rank. */
enum status bench_step(const struct train_run *run, MPI_Comm comm, double seconds, double *each);

/* One normal random number. */
enum status bench_normals(double seconds, double *each);

/* One update of all parameters. */
enum status bench_optimizer(enum optimizer_kind kind, enum precision precision,
                            const struct tensor_table *table, double seconds, double *each);

/* One sum of `count` floats over the ranks, by the fixed tree and by MPI_Allreduce; a fixed number of
 * times, since all ranks must do as many. Collective. */
enum status bench_allreduce(size_t count, MPI_Comm comm, double *each, double *mpi_each);

/* Scoring one held-out generator, `sets` at a time. */
enum status bench_evaluation(const struct task_spec *task, const struct model_spec *model, int sets,
                             double seconds, double *each);

/* Writing one checkpoint of the sweep's first run into a results file in the folder for temporary files,
 * synced. */
enum status bench_checkpoint(const struct sweep *sweep, double *each);

#endif
