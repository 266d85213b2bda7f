#include "schedule/schedule.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/stop.h"
#include "schedule/master.h"
#include "schedule/messages.h"
#include "schedule/outbox.h"
#include "schedule/scheduler.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* State of one rank. */
struct worker {
    const struct schedule_job *job;
    const struct schedule_hooks *hooks;
    MPI_Comm world; // carries only messages of the scheduler
    // Parent of the groups. Separate from `world`: MPI's own messages that create a group must not match the
    // probes for any message.
    MPI_Comm parent;
    struct outbox outbox; // on `world`
    int rank, ranks;
    struct master *master;    // in rank 0, else NULL
    bool stop_exchanged;      // a stop request was sent to the master or received from it
    int64_t run;              // the run of this rank's group
    bool leader;              // this rank is rank 0 of its group
    MPI_Comm group, extended; // extended: valid while the group is being extended
    int *extension;           // contents of a pending TAG_EXTEND, or NULL
    int extension_length;
    double last_progress;
};

// ---- between shards ----

static void send(struct worker *worker, enum tag tag, const struct report *report)
{
    if (worker->master)
        master_report(worker->master, tag, report);
    else
        outbox_send(&worker->outbox, report,
                    tag == TAG_FINISHED ? (int)sizeof *report : (int)offsetof(struct report, scores),
                    MPI_BYTE, 0, tag);
}

// Receives a stop request from the master, or sends this rank's own request to the master.
static void exchange_stop(struct worker *worker)
{
    int waiting;
    MPI_Iprobe(0, TAG_STOP, worker->world, &waiting, MPI_STATUS_IGNORE);
    if (waiting) {
        MPI_Recv(NULL, 0, MPI_BYTE, 0, TAG_STOP, worker->world, MPI_STATUS_IGNORE);
        worker->stop_exchanged = true;
        stop_request();
    }
    if (stop_requested() && !worker->stop_exchanged) {
        worker->stop_exchanged = true;
        outbox_send(&worker->outbox, NULL, 0, MPI_BYTE, 0, TAG_STOP);
    }
}

// Takes ownership of `ranks`. Drops the order if its run has ended since the master sent it: TAG_FINISHED is
// then on its way to the master.
static void keep_extension(struct worker *worker, int *ranks, int length)
{
    if (!worker->leader || ranks[0] != worker->run) {
        free(ranks);
        return;
    }
    free(worker->extension);
    worker->extension = ranks;
    worker->extension_length = length;
}

static void receive_extension(struct worker *worker)
{
    int waiting, length;
    MPI_Status message;
    MPI_Iprobe(0, TAG_EXTEND, worker->world, &waiting, &message);
    if (!waiting)
        return;
    int *ranks = outbox_receive_ranks(worker->world, &message, &length);
    keep_extension(worker, ranks, length);
}

// Serves the master's queue between shards. A message to rank 0 itself is then a TAG_EXTEND for its own
// group.
static void serve(struct worker *worker)
{
    master_serve(worker->master);
    struct self_message message = master_self_message(worker->master);
    if (message.ranks)
        keep_extension(worker, message.ranks, message.length);
}

static void poll(void *context, const struct train_scalars *now)
{
    struct worker *worker = context;
    if (worker->master)
        serve(worker);
    else
        exchange_stop(worker);
    if (!worker->leader)
        return;
    if (!worker->master)
        receive_extension(worker);
    double seconds = clock_seconds(),
           interval = policy_report_seconds * (worker->ranks > 64 ? worker->ranks / 64.0 : 1.0);
    if (seconds - worker->last_progress >= interval) {
        worker->last_progress = seconds;
        send(worker, TAG_PROGRESS, &(struct report){.run = worker->run, .scalars = *now});
    }
}

// ---- one run ----

static enum status load(void *context, struct train_state *state, bool *found)
{
    struct worker *worker = context;
    return worker->hooks->load(worker->hooks->context, worker->run, state, found);
}

static enum status checkpoint(void *context, const struct train_state *state)
{
    struct worker *worker = context;
    return worker->hooks->checkpoint(worker->hooks->context, worker->run, state);
}

static enum status curve(void *context, int64_t point, const struct train_state *state)
{
    struct worker *worker = context;
    worker->hooks->curve(worker->hooks->context, point, &state->scalars);
    send(worker, TAG_POINT, &(struct report){.run = worker->run, .point = point, .scalars = state->scalars});
    return STATUS_OK;
}

static MPI_Comm create_group(const struct worker *worker, const int *ranks, int count)
{
    MPI_Group all, members;
    MPI_Comm comm;
    MPI_Comm_group(worker->parent, &all);
    MPI_Group_incl(all, count, ranks, &members);
    MPI_Comm_create_group(worker->parent, members, 0, &comm);
    MPI_Group_free(&members);
    MPI_Group_free(&all);
    return comm;
}

static bool extension_pending(void *context)
{
    return ((struct worker *)context)->extension != NULL;
}

// The leader sends the list of ranks to its group, then TAG_JOIN to the joining ranks; the extension cannot
// be cancelled after that.
static MPI_Comm extend(void *context)
{
    struct worker *worker = context;
    MPI_Bcast(&worker->extension_length, 1, MPI_INT, 0, worker->group);
    int length = worker->extension_length, size;
    if (!worker->leader)
        worker->extension = memory_small((size_t)length * sizeof *worker->extension);
    MPI_Bcast(worker->extension, length, MPI_INT, 0, worker->group);
    MPI_Comm_size(worker->group, &size);
    for (int i = 1 + size; worker->leader && i < length; i++)
        outbox_send(&worker->outbox, worker->extension, length, MPI_INT, worker->extension[i], TAG_JOIN);
    worker->extended = create_group(worker, worker->extension + 1, length - 1);
    return worker->extended;
}

static void extended(void *context, bool joined, const struct train_scalars *now)
{
    struct worker *worker = context;
    MPI_Comm_free(joined ? &worker->group : &worker->extended);
    if (joined)
        worker->group = worker->extended;
    free(worker->extension);
    worker->extension = NULL;
    if (worker->leader)
        send(worker, TAG_EXTENDED, &(struct report){.run = worker->run, .extended = joined, .scalars = *now});
}

static void do_run(struct worker *worker, enum tag tag, const int *ranks, int length)
{
    const struct train_hooks hooks = {.context = worker,
                                      .load = load,
                                      .checkpoint = checkpoint,
                                      .curve = curve,
                                      .poll = poll,
                                      .checkpoint_every = worker->hooks->checkpoint_every,
                                      .extension_pending = extension_pending,
                                      .extend = extend,
                                      .extended = extended};
    worker->group = create_group(worker, ranks + 1, length - 1);
    worker->run = ranks[0];
    worker->leader = ranks[1] == worker->rank;
    worker->last_progress = -INFINITY; // the first poll reports the step that the run starts from

    struct train_result result = {0};
    struct report report = {.run = worker->run};
    report.status = (tag == TAG_JOIN ? train_join : train_run)(&worker->job->run[worker->run], &hooks,
                                                               worker->group, &result);
    report.end = result.end;
    report.scalars = result.state.scalars;
    memcpy(report.scores, result.scores, sizeof report.scores);
    snprintf(report.message, sizeof report.message, "%s",
             report.status == STATUS_OK ? result.message : status_message());
    train_state_free(&result.state);
    MPI_Comm_free(&worker->group);
    free(worker->extension);
    worker->extension = NULL;
    if (worker->leader)
        send(worker, TAG_FINISHED, &report);
    worker->leader = false;
}

// ---- the idle loops ----

// Sleeps between two polls for messages: 1 ms is short beside any run and leaves the core to other processes.
static void idle(void)
{
    const struct timespec time = {.tv_nsec = 1000000};
    nanosleep(&time, NULL);
}

static enum status run_master(struct worker *worker)
{
    enum status status;
    master_create(worker->job, worker->hooks, &worker->outbox, &worker->master);
    for (;;) {
        master_serve(worker->master);
        struct self_message message = master_self_message(worker->master);
        if (message.ranks && message.tag != TAG_EXTEND) // the run of a TAG_EXTEND has ended
            do_run(worker, message.tag, message.ranks, message.length);
        else if (master_done(worker->master, &status))
            break;
        else
            idle();
        free(message.ranks);
    }
    master_destroy(&worker->master);
    return status;
}

static enum status run_worker(struct worker *worker)
{
    for (;;) {
        exchange_stop(worker);
        int waiting, length, code;
        MPI_Status message;
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, worker->world, &waiting, &message);
        if (!waiting) {
            idle();
        } else if (message.MPI_TAG == TAG_QUIT) {
            MPI_Recv(&code, 1, MPI_INT, 0, TAG_QUIT, worker->world, MPI_STATUS_IGNORE);
            return (enum status)code;
        } else if (message.MPI_TAG != TAG_STOP) {
            int *ranks = outbox_receive_ranks(worker->world, &message, &length);
            if (message.MPI_TAG != TAG_EXTEND) // a TAG_EXTEND that arrives here is late: its run has ended
                do_run(worker, (enum tag)message.MPI_TAG, ranks, length);
            free(ranks);
        }
    }
}

int schedule_ranks_used(const struct schedule_job *job, int ranks)
{
    struct scheduler *scheduler;
    const struct scheduler_order *orders;
    scheduler_create(job->estimate, job->runs, job->todo, job->todo_count, &policy_network, ranks, job->group,
                     &scheduler);
    scheduler_decide(scheduler, 0, &orders);
    int used = ranks - scheduler_free_ranks(scheduler);
    scheduler_destroy(&scheduler);
    return used;
}

enum status schedule_work(const struct schedule_job *job, const struct schedule_hooks *hooks, MPI_Comm world)
{
    struct worker worker = {.job = job, .hooks = hooks};
    MPI_Comm_dup(world, &worker.world);
    MPI_Comm_dup(world, &worker.parent);
    MPI_Comm_rank(worker.world, &worker.rank);
    MPI_Comm_size(worker.world, &worker.ranks);
    outbox_init(&worker.outbox, worker.world);
    enum status status = worker.rank == 0 ? run_master(&worker) : run_worker(&worker);
    outbox_close(&worker.outbox, worker.parent);
    MPI_Comm_free(&worker.parent);
    MPI_Comm_free(&worker.world);
    return status;
}
