#include "schedule/outbox.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void outbox_init(struct outbox *outbox, MPI_Comm comm)
{
    *outbox = (struct outbox){.comm = comm};
}

// Frees the messages that have been received.
static void remove_received(struct outbox *outbox)
{
    int left = 0;
    for (int i = 0; i < outbox->count; i++) {
        int received;
        MPI_Test(&outbox->request[i], &received, MPI_STATUS_IGNORE);
        if (received) {
            free(outbox->message[i]);
            continue;
        }
        outbox->request[left] = outbox->request[i];
        outbox->message[left++] = outbox->message[i];
    }
    outbox->count = left;
}

static void extend(struct outbox *outbox)
{
    enum { FIRST_CAPACITY = 16 };
    outbox->capacity = outbox->capacity ? 2 * outbox->capacity : FIRST_CAPACITY;
    size_t capacity = (size_t)outbox->capacity;
    outbox->request = memory_grow(outbox->request, capacity * sizeof *outbox->request);
    outbox->message = memory_grow(outbox->message, capacity * sizeof *outbox->message);
}

void outbox_send(struct outbox *outbox, const void *elements, int count, MPI_Datatype type, int rank,
                 enum tag tag)
{
    remove_received(outbox);
    if (outbox->count == outbox->capacity)
        extend(outbox);
    int size;
    MPI_Type_size(type, &size);
    size_t bytes = (size_t)count * (size_t)size;
    void *copy = bytes ? memory_small(bytes) : NULL;
    if (bytes)
        memcpy(copy, elements, bytes);
    MPI_Issend(copy, count, type, rank, tag, outbox->comm, &outbox->request[outbox->count]);
    outbox->message[outbox->count++] = copy;
}

int *outbox_receive_ranks(MPI_Comm comm, const MPI_Status *message, int *length)
{
    MPI_Get_count(message, MPI_INT, length);
    int *ranks = memory_small((size_t)*length * sizeof *ranks);
    MPI_Recv(ranks, *length, MPI_INT, message->MPI_SOURCE, message->MPI_TAG, comm, MPI_STATUS_IGNORE);
    return ranks;
}

// Receives and discards one message. Returns false if none waits.
static bool drop_message(MPI_Comm comm)
{
    int waiting, bytes;
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &waiting, &status);
    if (!waiting)
        return false;
    MPI_Get_count(&status, MPI_BYTE, &bytes);
    void *message = memory_small((size_t)bytes + 1);
    MPI_Recv(message, bytes, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, comm, MPI_STATUS_IGNORE);
    free(message);
    return true;
}

// A rank enters the barrier once all its messages were received, so the barrier's end means this for all
// ranks.
void outbox_close(struct outbox *outbox, MPI_Comm barrier)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    MPI_Request request = MPI_REQUEST_NULL;
    bool entered = false;
    for (int done = 0; !done;) {
        while (drop_message(outbox->comm))
            continue;
        remove_received(outbox);
        if (!entered && outbox->count == 0) {
            MPI_Ibarrier(barrier, &request);
            entered = true;
        }
        if (entered)
            MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (!done)
            nanosleep(&pause, NULL);
    }
    free(outbox->request);
    free(outbox->message);
    *outbox = (struct outbox){.comm = MPI_COMM_NULL};
}
