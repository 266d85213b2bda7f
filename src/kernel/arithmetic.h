/* Which arithmetic this process computes with: what the bits of a result depend on beside its settings. */
#ifndef KERNEL_ARITHMETIC_H
#define KERNEL_ARITHMETIC_H

/* Gemm library, its version and the kernel it chose, instruction set of our own loops, compiler:
 * "OpenBLAS 0.3.21 Haswell, x86-64-v4, gcc 12.2.0 Release". Valid for the life of the process. */
const char *arithmetic_name(void);

/* The processor's model name, or its architecture. Valid for the life of the process. */
const char *arithmetic_processor(void);

/* What forces the gemm library's choice of kernel (OPENBLAS_CORETYPE), or NULL. */
const char *arithmetic_forced(void);

#endif
