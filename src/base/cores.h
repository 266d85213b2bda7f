/* Processor cores. */
#ifndef BASE_CORES_H
#define BASE_CORES_H

/* Physical cores that this process may use, at least 1: those of its affinity mask, at most the CPU quota of
 * its control groups. */
int cores_available(void);

#endif
