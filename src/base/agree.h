/* Ranks agree on a failure before any of them leaves, so that no rank waits for one that is gone. */
#ifndef BASE_AGREE_H
#define BASE_AGREE_H

#include "base/status.h"

#include <mpi.h>

/* Collective on comm. Every rank gets the gravest status of all ranks, and the message of the lowest rank
 * that has this status. agree.c lists the order of gravity; it is not the enum's. */
enum status agree(enum status mine, MPI_Comm comm);

#endif
