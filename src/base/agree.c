#include "base/agree.h"

#include <stdio.h>

enum { MESSAGE_LENGTH = 2048 };

// From harmless to grave: a failure of the machine hides a bad input or a failed run, a broken invariant
// hides all others.
static const enum status by_gravity[] = {STATUS_OK,     STATUS_RUNS,    STATUS_INTERRUPTED, STATUS_USAGE,
                                         STATUS_MEMORY, STATUS_RESULTS, STATUS_MACHINE,     STATUS_INTERNAL};

enum { STATUSES = sizeof by_gravity / sizeof *by_gravity };

// A status that is not listed counts as the gravest.
static int gravity(enum status status)
{
    int i = 0;
    while (i < STATUSES - 1 && by_gravity[i] != status)
        i++;
    return i;
}

enum status agree(enum status mine, MPI_Comm comm)
{
    struct {
        int gravity, rank;
    } local = {gravity(mine), 0}, worst;
    MPI_Comm_rank(comm, &local.rank);
    MPI_Allreduce(&local, &worst, 1, MPI_2INT, MPI_MAXLOC, comm);
    enum status status = by_gravity[worst.gravity];
    if (status == STATUS_OK)
        return STATUS_OK;
    char message[MESSAGE_LENGTH];
    snprintf(message, sizeof message, "%s", status_message());
    MPI_Bcast(message, sizeof message, MPI_CHAR, worst.rank, comm);
    FAIL(status, "%s", message);
}
