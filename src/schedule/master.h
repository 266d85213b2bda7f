/* The master's side: the queue, who is free, who does what. Lives in rank 0, called from its idle loop and from
 * between its own shards. */
#ifndef SCHEDULE_MASTER_H
#define SCHEDULE_MASTER_H

#include "schedule/protocol.h"
#include "schedule/schedule.h"

struct master;

void master_create(const struct schedule_job *job, const struct schedule_hooks *hooks, MPI_Comm world,
                   struct master **master);
void master_destroy(struct master **master);

/* Answers all waiting messages, starts what can be started, passes a stop on. */
void master_serve(struct master *master);

/* A report, also from rank 0 itself. */
void master_report(struct master *master, enum tag tag, const struct report *report);

/* Rank 0's own next run, if it has one: its group as in TAG_ASSIGN (length 1 + ranks), else NULL. The caller frees it. */
int *master_own_assignment(struct master *master, int *length);

/* Nothing runs and nothing will start: the others were told to quit. *status is how the job ended. */
bool master_done(struct master *master, enum status *status);

#endif
