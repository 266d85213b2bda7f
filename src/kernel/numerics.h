/* Which arithmetic this process computes with: what the bits of a result depend on beside its settings. */
#ifndef KERNEL_NUMERICS_H
#define KERNEL_NUMERICS_H

/* The program's version, which is raised whenever a change of our own changes a run's bits; gemm library, its
 * version and the kernel it chose, for fp32 and for bf16 operands; instruction set of our own loops; second
 * cache, by which the libraries cut long sums; compiler. After gemm_setup. Valid for the life of the process.
 */
const char *numerics_name(void);

/* The processor's model name, or its architecture. Valid for the life of the process. */
const char *numerics_processor(void);

/* What forces the gemm library's choice of kernel (OPENBLAS_CORETYPE), or NULL. */
const char *numerics_forced_kernel(void);

#endif
