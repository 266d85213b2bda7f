/* Messages of the scheduler that were sent and may not have been received yet.
 *
 * A send never blocks, so two ranks that send to each other cannot deadlock. A send is synchronous
 * (MPI_Issend), so its behaviour does not depend on MPI's eager limit, and outbox_close returns only after
 * every message was received. */
#ifndef SCHEDULE_OUTBOX_H
#define SCHEDULE_OUTBOX_H

#include "schedule/messages.h"

#include <mpi.h>

struct outbox {
    MPI_Comm comm; // carries only messages of the scheduler
    int count, capacity;
    MPI_Request *request; // [count]
    void **message;       // [count], owned copies
};

/* The communicator must stay valid until outbox_close. */
void outbox_init(struct outbox *outbox, MPI_Comm comm);

/* Starts to send a copy of `count` elements of `type` and returns at once. Not collective. */
void outbox_send(struct outbox *outbox, const void *elements, int count, MPI_Datatype type, int rank,
                 enum tag tag);

/* Receives a list of ranks, the message that a probe of `comm` has found. The caller frees it.
 * Returns [*length] */
int *outbox_receive_ranks(MPI_Comm comm, const MPI_Status *message, int *length);

/* Receives and drops the messages that still arrive, and returns when every message of every rank was
 * received. Collective on the outbox's communicator, after the last message that any rank needs. `barrier`: a
 * communicator of the same ranks that carries no messages. */
void outbox_close(struct outbox *outbox, MPI_Comm barrier);

#endif
