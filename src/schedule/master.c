#include "schedule/master.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/stop.h"
#include "schedule/scheduler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The state of a run when its group got its present size: the time per step is measured from there. */
struct mark {
    bool is_set;
    int64_t step;
    double wall_seconds;
};

struct master {
    const struct schedule_job *job;
    const struct schedule_hooks *hooks;
    struct outbox *outbox;
    MPI_Comm world; // communicator of the outbox
    int ranks;
    struct scheduler *scheduler;
    struct mark *mark;                   // [runs]
    bool changed;                        // the scheduler state has changed since the last decision
    struct self_message self_message[2]; // to rank 0: [0] TAG_ASSIGN or TAG_JOIN, [1] TAG_EXTEND
    bool stop_sent, quit_sent;
    bool work_left;      // a run ended with TRAIN_STOPPED
    enum status failure; // first failure to write the results file
    char failure_message[512];
};

void master_create(const struct schedule_job *job, const struct schedule_hooks *hooks, struct outbox *outbox,
                   struct master **out)
{
    struct master *master = memory_small(sizeof *master);
    *master =
        (struct master){.job = job, .hooks = hooks, .outbox = outbox, .world = outbox->comm, .changed = true};
    MPI_Comm_size(master->world, &master->ranks);
    scheduler_create(job->estimate, job->runs, job->todo, job->todo_count, &policy_network, master->ranks,
                     job->group, &master->scheduler);
    master->mark = memory_small((size_t)job->runs * sizeof *master->mark);
    *out = master;
}

void master_destroy(struct master **master)
{
    if (!*master)
        return;
    scheduler_destroy(&(*master)->scheduler);
    for (int i = 0; i < 2; i++)
        free((*master)->self_message[i].ranks);
    free((*master)->mark);
    free(*master);
    *master = NULL;
}

// Ends the job after a failure to write the results file; `message` describes `status`. Keeps the first
// failure.
static void fail(struct master *master, enum status status, const char *message)
{
    if (status == STATUS_OK || master->failure != STATUS_OK)
        return;
    master->failure = status;
    snprintf(master->failure_message, sizeof master->failure_message, "%s", message);
    stop_request(); // all ranks save their runs
}

// ---- orders of the scheduler ----

// Takes ownership of `ranks`.
static void enqueue_self(struct master *master, enum tag tag, int *ranks, int length)
{
    struct self_message *message = &master->self_message[tag == TAG_EXTEND];
    free(message->ranks);
    *message = (struct self_message){tag, ranks, length};
}

static void send_order(struct master *master, enum tag tag, const int *message, int length, int rank)
{
    if (rank == 0) {
        int *copy = memory_small((size_t)length * sizeof *copy);
        memcpy(copy, message, (size_t)length * sizeof *copy);
        enqueue_self(master, tag, copy, length);
    } else {
        outbox_send(master->outbox, message, length, MPI_INT, rank, tag);
    }
}

static void carry_out(struct master *master, const struct scheduler_order *order)
{
    int length = 1 + order->size;
    int *message = memory_small((size_t)length * sizeof *message);
    message[0] = (int)order->run;
    memcpy(message + 1, order->ranks, (size_t)order->size * sizeof *message);
    if (order->already > 0) {
        send_order(master, TAG_EXTEND, message, length, order->ranks[0]);
    } else {
        enum status status =
            master->hooks->started(master->hooks->context, order->run, order->ranks, order->size);
        fail(master, status, status_message());
        for (int i = 0; i < order->size; i++)
            send_order(master, TAG_ASSIGN, message, length, order->ranks[i]);
    }
    free(message);
}

static void decide(struct master *master)
{
    const struct scheduler_order *orders;
    if (!master->changed || stop_requested())
        return;
    master->changed = false;
    int count = scheduler_decide(master->scheduler, clock_seconds(), &orders);
    for (int i = 0; i < count; i++)
        carry_out(master, &orders[i]);
}

struct self_message master_self_message(struct master *master)
{
    for (int i = 0; i < 2; i++) {
        struct self_message message = master->self_message[i];
        if (message.ranks) {
            master->self_message[i].ranks = NULL;
            return message;
        }
    }
    return (struct self_message){0};
}

// ---- reports ----

// Passes the run's remaining steps to the scheduler, and the time per step once min_seconds were measured.
static void measure(struct master *master, const struct report *report)
{
    static const double min_seconds = 0.5;
    struct mark *mark = &master->mark[report->run];
    const struct train_scalars *scalars = &report->scalars;
    double seconds = scalars->wall_seconds - mark->wall_seconds, step_seconds = 0;
    if (!mark->is_set)
        *mark = (struct mark){true, scalars->step, scalars->wall_seconds};
    else if (seconds >= min_seconds && scalars->step > mark->step)
        step_seconds = seconds / (double)(scalars->step - mark->step);
    double left = (double)(master->job->run[report->run].training.steps - scalars->step);
    scheduler_progress(master->scheduler, report->run, clock_seconds(), left, step_seconds);
    master->changed = true;
}

static enum status extended(struct master *master, const struct report *report)
{
    const int *ranks;
    scheduler_extended(master->scheduler, report->run, report->extended, clock_seconds());
    master->mark[report->run].is_set = false;
    measure(master, report);
    int size = scheduler_group(master->scheduler, report->run, &ranks);
    if (!report->extended)
        return STATUS_OK;
    return master->hooks->extended(master->hooks->context, report->run, ranks, size, report->scalars.step);
}

static enum status finished(struct master *master, const struct report *report)
{
    scheduler_finished(master->scheduler, report->run);
    master->changed = true;
    if (report->status != STATUS_OK) {
        fail(master, report->status, report->message);
        return STATUS_OK;
    }
    if (report->end == TRAIN_STOPPED) {
        master->work_left = true;
        stop_request();
    }
    return master->hooks->finished(master->hooks->context, report->run, report->end, &report->scalars,
                                   report->scores, report->message);
}

void master_report(struct master *master, enum tag tag, const struct report *report)
{
    enum status status = STATUS_OK;
    if (tag == TAG_PROGRESS) {
        measure(master, report);
        status = master->hooks->progress(master->hooks->context, report->run, &report->scalars);
    } else if (tag == TAG_POINT) {
        status = master->hooks->point(master->hooks->context, report->run, report->point, &report->scalars);
    } else if (tag == TAG_EXTENDED) {
        status = extended(master, report);
    } else {
        status = finished(master, report);
    }
    fail(master, status, status_message());
}

static void receive(struct master *master, const MPI_Status *message)
{
    struct report report = {0};
    int *ranks, length;
    switch ((enum tag)message->MPI_TAG) {
    case TAG_STOP:
        MPI_Recv(NULL, 0, MPI_BYTE, message->MPI_SOURCE, TAG_STOP, master->world, MPI_STATUS_IGNORE);
        stop_request();
        break;
    case TAG_JOIN: // a leader calls rank 0 into its group
        ranks = outbox_receive_ranks(master->world, message, &length);
        enqueue_self(master, TAG_JOIN, ranks, length);
        break;
    default:
        MPI_Recv(&report, sizeof report, MPI_BYTE, message->MPI_SOURCE, message->MPI_TAG, master->world,
                 MPI_STATUS_IGNORE);
        master_report(master, (enum tag)message->MPI_TAG, &report);
    }
}

void master_serve(struct master *master)
{
    int waiting;
    do {
        MPI_Status message;
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, master->world, &waiting, &message);
        if (waiting)
            receive(master, &message);
    } while (waiting);
    if (stop_requested() && !master->stop_sent) {
        master->stop_sent = true;
        for (int rank = 1; rank < master->ranks; rank++)
            outbox_send(master->outbox, NULL, 0, MPI_BYTE, rank, TAG_STOP);
    }
    decide(master);
    master->hooks->tick(master->hooks->context);
}

// ---- the end ----

bool master_done(struct master *master, enum status *status)
{
    bool waiting = scheduler_waiting(master->scheduler) > 0;
    if (scheduler_running(master->scheduler) > 0 || (waiting && !stop_requested()))
        return false;
    *status = master->work_left || waiting ? STATUS_INTERRUPTED : STATUS_OK;
    if (master->failure != STATUS_OK)
        *status = master->failure;
    if (!master->quit_sent) {
        master->quit_sent = true;
        int code = (int)*status;
        for (int rank = 1; rank < master->ranks; rank++)
            outbox_send(master->outbox, &code, 1, MPI_INT, rank, TAG_QUIT);
    }
    if (master->failure != STATUS_OK) // a later failure may have replaced the recorded message
        FAILED(master->failure, "%s", master->failure_message);
    return true;
}
