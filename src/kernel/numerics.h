/* Numerics: everything but a run's settings that its bits depend on. */
#ifndef KERNEL_NUMERICS_H
#define KERNEL_NUMERICS_H

#include "base/precision.h"
#include "base/status.h"

/* Name of the program's own arithmetic, whose bits are the same on every processor and with every compiler.
 * Raise the number with every change that changes a run's bits. */
#define NUMERICS_PORTABLE "portable 1"

/* Numerics of runs in `precision`: NUMERICS_PORTABLE alone, or the GEMM library with version and kernel, the
 * size of the L2 cache, by which libraries split long sums, and NUMERICS_PORTABLE for all other loops. Call
 * after gemm_setup and gemm_use. Valid for the life of the process. */
const char *numerics_name(enum precision precision);

/* Sets rounding to nearest without flushing of subnormal numbers, calls gemm_setup and checks one known
 * result of the kernels: once, before training or prediction. */
enum status numerics_setup(void);

/* The processor's model name, or its architecture. Valid for the life of the process. */
const char *numerics_processor(void);

/* The value of OPENBLAS_CORETYPE, which forces OpenBLAS's choice of kernel, or NULL. */
const char *numerics_forced_kernel(void);

#endif
