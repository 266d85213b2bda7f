#include "base/agree.h"

#include <stdio.h>

enum { MESSAGE_LENGTH = 2048 };

// Ascending severity: a failure of the machine outranks a bad input or a failed run, and a broken invariant
// outranks all others.
static const enum status by_severity[] = {STATUS_OK,     STATUS_RUNS,    STATUS_INTERRUPTED, STATUS_USAGE,
                                          STATUS_MEMORY, STATUS_RESULTS, STATUS_MACHINE,     STATUS_INTERNAL};

enum { STATUSES = sizeof by_severity / sizeof *by_severity };

// An unlisted status counts as the most severe.
static int severity(enum status status)
{
    int i = 0;
    while (i < STATUSES - 1 && by_severity[i] != status)
        i++;
    return i;
}

enum status agree(enum status mine, MPI_Comm comm)
{
    struct {
        int severity, rank;
    } local = {severity(mine), 0}, worst;
    MPI_Comm_rank(comm, &local.rank);
    MPI_Allreduce(&local, &worst, 1, MPI_2INT, MPI_MAXLOC, comm);
    enum status status = by_severity[worst.severity];
    if (status == STATUS_OK)
        return STATUS_OK;
    char message[MESSAGE_LENGTH];
    snprintf(message, sizeof message, "%s", status_message());
    MPI_Bcast(message, sizeof message, MPI_CHAR, worst.rank, comm);
    FAIL(status, "%s", message);
}
