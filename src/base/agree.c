#include "base/agree.h"

#include <stdio.h>

enum { MESSAGE_LENGTH = 2048 };

enum status agree(enum status mine, MPI_Comm comm)
{
    struct {
        int status, rank;
    } local = {mine, 0}, worst;
    MPI_Comm_rank(comm, &local.rank);
    MPI_Allreduce(&local, &worst, 1, MPI_2INT, MPI_MAXLOC, comm);
    if (worst.status == STATUS_OK)
        return STATUS_OK;
    char message[MESSAGE_LENGTH];
    snprintf(message, sizeof message, "%s", status_message());
    MPI_Bcast(message, sizeof message, MPI_CHAR, worst.rank, comm);
    FAIL((enum status)worst.status, "%s", message);
}
