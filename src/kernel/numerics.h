/* Numerics of this process: everything but its settings that the bits of a run depend on. */
#ifndef KERNEL_NUMERICS_H
#define KERNEL_NUMERICS_H

/* Version of the program, which changes whenever a change of the program changes a run's bits; GEMM library
 * with version and kernel, for fp32 and for bf16 operands; instruction set of the program's own loops; size
 * of the L2 cache, by which the libraries split long sums; compiler. Call after gemm_setup. Valid for the
 * life of the process. */
const char *numerics_name(void);

/* The processor's model name, or its architecture. Valid for the life of the process. */
const char *numerics_processor(void);

/* The value of OPENBLAS_CORETYPE, which forces OpenBLAS's choice of kernel, or NULL. */
const char *numerics_forced_kernel(void);

#endif
