/* Number of processor cores. */
#ifndef BASE_CORES_H
#define BASE_CORES_H

/* Number of physical cores that this process may use, at least 1: the cores of its affinity mask, limited by
 * the CPU quota of its control groups. */
int cores_available(void);

#endif
