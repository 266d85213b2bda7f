#include "schedule/schedule.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/stop.h"
#include "schedule/master.h"
#include "schedule/protocol.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Idle ranks look for messages so often: short beside any run, long enough to leave the core to others.
static const double idle_seconds = 0.001;
static const double progress_seconds = 0.5; // between two reports of a leader, longer with many ranks

/* What a rank is doing. */
struct worker {
    const struct schedule_job *job;
    const struct schedule_hooks *hooks;
    MPI_Comm world;
    int rank, ranks;
    struct master *master; // in rank 0, else NULL
    bool told_to_stop;     // the master knows that this rank wants to stop
    int64_t run;           // of the group this rank is in
    bool leader;
    double last_progress;
};

// ---- between two shards ----

static void tell(struct worker *worker, enum tag tag, const struct report *report)
{
    if (worker->master)
        master_report(worker->master, tag, report);
    else
        MPI_Send(report, sizeof *report, MPI_BYTE, 0, tag, worker->world);
}

// A worker's ear: the wish to stop comes from the master or goes to it.
static void exchange_stop(struct worker *worker)
{
    int waiting;
    MPI_Iprobe(0, TAG_STOP, worker->world, &waiting, MPI_STATUS_IGNORE);
    if (waiting) {
        MPI_Recv(NULL, 0, MPI_BYTE, 0, TAG_STOP, worker->world, MPI_STATUS_IGNORE);
        worker->told_to_stop = true;
        stop_request();
    }
    if (stop_requested() && !worker->told_to_stop) {
        worker->told_to_stop = true;
        MPI_Send(NULL, 0, MPI_BYTE, 0, TAG_STOP, worker->world);
    }
}

static void poll(void *context, const struct train_scalars *now)
{
    struct worker *worker = context;
    if (worker->master)
        master_serve(worker->master);
    else
        exchange_stop(worker);
    double seconds = clock_seconds(),
           interval = progress_seconds * (worker->ranks > 64 ? worker->ranks / 64.0 : 1.0);
    if (worker->leader && seconds - worker->last_progress >= interval) {
        worker->last_progress = seconds;
        tell(worker, TAG_PROGRESS, &(struct report){.run = worker->run, .scalars = *now});
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
    return worker->hooks->curve(worker->hooks->context, worker->run, point, state);
}

static MPI_Comm make_group(const struct worker *worker, const int *ranks, int count)
{
    MPI_Group all, members;
    MPI_Comm comm;
    MPI_Comm_group(worker->world, &all);
    MPI_Group_incl(all, count, ranks, &members);
    MPI_Comm_create_group(worker->world, members, 0, &comm);
    MPI_Group_free(&members);
    MPI_Group_free(&all);
    return comm;
}

static void do_run(struct worker *worker, const int *assignment, int length)
{
    MPI_Comm group = make_group(worker, assignment + 1, length - 1);
    const struct train_hooks hooks = {worker, load, checkpoint, curve, poll, worker->hooks->checkpoint_every};
    worker->run = assignment[0];
    worker->leader = assignment[1] == worker->rank;
    worker->last_progress = -INFINITY; // the first step says where the run begins

    struct train_result result;
    struct report report = {.run = worker->run};
    report.status = train_run(&worker->job->run[worker->run], &hooks, group, &result);
    if (report.status == STATUS_OK && result.end != TRAIN_STOPPED && worker->leader)
        report.status =
            worker->hooks->close(worker->hooks->context, worker->run,
                                 result.end == TRAIN_DONE ? result.state.parameters : NULL, &report.sums);
    report.end = result.end;
    report.scalars = result.state.scalars;
    snprintf(report.message, sizeof report.message, "%s",
             report.status == STATUS_OK ? result.message : status_message());
    train_state_free(&result.state);
    MPI_Comm_free(&group);
    if (worker->leader)
        tell(worker, TAG_FINISHED, &report);
    worker->leader = false;
}

// ---- the idle loops ----

static void rest(void)
{
    struct timespec time = {.tv_nsec = (long)(idle_seconds * 1e9)};
    nanosleep(&time, NULL);
}

static enum status be_master(struct worker *worker)
{
    enum status status;
    master_create(worker->job, worker->hooks, worker->world, &worker->master);
    for (;;) {
        master_serve(worker->master);
        int length;
        int *assignment = master_own_assignment(worker->master, &length);
        if (assignment)
            do_run(worker, assignment, length);
        else if (master_done(worker->master, &status))
            break;
        else
            rest();
        free(assignment);
    }
    master_destroy(&worker->master);
    return status;
}

static enum status be_worker(struct worker *worker)
{
    for (;;) {
        exchange_stop(worker);
        int waiting;
        MPI_Status message;
        MPI_Iprobe(0, MPI_ANY_TAG, worker->world, &waiting, &message);
        if (!waiting) {
            rest();
        } else if (message.MPI_TAG == TAG_ASSIGN) {
            int length;
            MPI_Get_count(&message, MPI_INT, &length);
            int *assignment = memory_small((size_t)length * sizeof *assignment);
            MPI_Recv(assignment, length, MPI_INT, 0, TAG_ASSIGN, worker->world, MPI_STATUS_IGNORE);
            do_run(worker, assignment, length);
            free(assignment);
        } else if (message.MPI_TAG == TAG_QUIT) {
            int code;
            MPI_Recv(&code, 1, MPI_INT, 0, TAG_QUIT, worker->world, MPI_STATUS_IGNORE);
            exchange_stop(worker); // a last TAG_STOP may lie before it
            return (enum status)code;
        }
    }
}

enum status schedule_work(const struct schedule_job *job, const struct schedule_hooks *hooks, MPI_Comm world)
{
    struct worker worker = {.job = job, .hooks = hooks};
    MPI_Comm_dup(world, &worker.world); // our messages meet nobody else's
    MPI_Comm_rank(worker.world, &worker.rank);
    MPI_Comm_size(worker.world, &worker.ranks);
    enum status status = worker.rank == 0 ? be_master(&worker) : be_worker(&worker);
    MPI_Comm_free(&worker.world);
    return status;
}
