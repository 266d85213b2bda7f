/* The master's side: the queue, who is free, who does what. Lives in rank 0, called from its idle loop and
 * from between its own shards. */
#ifndef SCHEDULE_MASTER_H
#define SCHEDULE_MASTER_H

#include "schedule/messages.h"
#include "schedule/outbox.h"
#include "schedule/schedule.h"

struct master;

/* The outbox stays the caller's. Its communicator carries all messages of the scheduler. */
void master_create(const struct schedule_job *job, const struct schedule_hooks *hooks, struct outbox *outbox,
                   struct master **master);
void master_destroy(struct master **master);

/* Answers all waiting messages, starts what can be started, passes a stop on. */
void master_serve(struct master *master);

/* A report, also from rank 0 itself. */
void master_report(struct master *master, enum tag tag, const struct report *report);

/* The master in its part as a rank: what it would get as a message if it were another. The tag is
 * TAG_ASSIGN or TAG_JOIN, or TAG_GROW where it leads a group; `ranks` as there (length 1 + ranks), NULL if
 * there is nothing. The caller frees it. */
struct self_message {
    enum tag tag;
    int *ranks;
    int length;
};
struct self_message master_self_message(struct master *master);

/* Nothing runs and nothing will start: the others were told to quit. *status is how the job ended. */
bool master_done(struct master *master, enum status *status);

#endif
