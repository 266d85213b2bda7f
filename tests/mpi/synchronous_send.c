// MPI_Send and MPI_Isend of an MPI library without eager messages: a send completes when it is received.
// Linked into a program they replace the library's functions and expose a deadlock that an eager limit hides.
#include <mpi.h>

int MPI_Send(const void *elements, int count, MPI_Datatype type, int rank, int tag, MPI_Comm comm)
{
    return PMPI_Ssend(elements, count, type, rank, tag, comm);
}

int MPI_Isend(const void *elements, int count, MPI_Datatype type, int rank, int tag, MPI_Comm comm,
              MPI_Request *request)
{
    return PMPI_Issend(elements, count, type, rank, tag, comm, request);
}
