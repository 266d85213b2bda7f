/* Agreement of ranks on an error code: no rank returns an error while another rank waits for it. */
#ifndef BASE_AGREE_H
#define BASE_AGREE_H

#include "base/status.h"

#include <mpi.h>

/* Returns the most severe status of all ranks on every rank, and records the message of the lowest rank with
 * this status. agree.c lists the order of severity. Collective on comm. */
enum status agree(enum status mine, MPI_Comm comm);

#endif
