/* The master: holds the scheduler state and carries out the scheduler's orders. Runs in rank 0, called from
 * its idle loop and between the shards of its own training. */
#ifndef SCHEDULE_MASTER_H
#define SCHEDULE_MASTER_H

#include "schedule/messages.h"
#include "schedule/outbox.h"
#include "schedule/schedule.h"

struct master;

/* The caller keeps ownership of the outbox, whose communicator carries all messages of the scheduler. */
void master_create(const struct schedule_job *job, const struct schedule_hooks *hooks, struct outbox *outbox,
                   struct master **master);
void master_destroy(struct master **master);

/* Receives all waiting messages, starts runs and extends groups where ranks are free, and forwards a stop
 * request to the workers. Not collective. */
void master_serve(struct master *master);

/* Records a report of a leader; rank 0 calls it directly where it is the leader. `tag`: one of TAG_PROGRESS,
 * TAG_POINT, TAG_EXTENDED, TAG_FINISHED. */
void master_report(struct master *master, enum tag tag, const struct report *report);

/* A message to rank 0 itself: TAG_ASSIGN or TAG_JOIN, or TAG_EXTEND where rank 0 leads a group. */
struct self_message {
    enum tag tag;
    int *ranks; // [length]: run, then the ranks; NULL if no message waits
    int length;
};

/* Returns the next message to rank 0 itself; the caller frees its `ranks`. */
struct self_message master_self_message(struct master *master);

/* Returns true once no run is running and none will start; TAG_QUIT is then sent to all workers, and *status
 * is the status of the whole job. */
bool master_done(struct master *master, enum status *status);

#endif
