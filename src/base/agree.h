/* Ranks agree on a failure before any of them leaves, so that nobody waits for a rank that is gone. */
#ifndef BASE_AGREE_H
#define BASE_AGREE_H

#include "base/status.h"

#include <mpi.h>

/* Collective on comm. Every rank gets the worst status of all and the message that came with it. */
enum status agree(enum status mine, MPI_Comm comm);

#endif
