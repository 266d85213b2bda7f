#include "schedule/schedule.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/stop.h"
#include "schedule/master.h"
#include "schedule/messages.h"
#include "schedule/outbox.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Idle ranks look for messages so often: short beside any run, long enough to leave the core to others.
static const double idle_seconds = 0.001;

/* What a rank is doing. */
struct worker {
    const struct schedule_job *job;
    const struct schedule_hooks *hooks;
    MPI_Comm world; // our messages' own
    // Groups are made from this one: what MPI itself sends for that must not meet our probes for any message.
    MPI_Comm everyone;
    struct outbox outbox; // on `world`
    int rank, ranks;
    struct master *master; // in rank 0, else NULL
    bool told_to_stop;     // the master knows that this rank wants to stop
    int64_t run;           // of the group this rank is in
    bool leader;
    MPI_Comm group, larger; // larger: while it grows
    int *growth;            // of a leader: TAG_GROW's message, or NULL
    int growth_length;
    double last_progress;
};

// ---- between shards ----

static void tell(struct worker *worker, enum tag tag, const struct report *report)
{
    if (worker->master)
        master_report(worker->master, tag, report);
    else
        outbox_send(&worker->outbox, report,
                    tag == TAG_FINISHED ? (int)sizeof *report : (int)offsetof(struct report, scores),
                    MPI_BYTE, 0, tag);
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
        outbox_send(&worker->outbox, NULL, 0, MPI_BYTE, 0, TAG_STOP);
    }
}

static int *receive_ranks(struct worker *worker, const MPI_Status *message, int *length)
{
    MPI_Get_count(message, MPI_INT, length);
    int *ranks = memory_small((size_t)*length * sizeof *ranks);
    MPI_Recv(ranks, *length, MPI_INT, message->MPI_SOURCE, message->MPI_TAG, worker->world,
             MPI_STATUS_IGNORE);
    return ranks;
}

// Takes ranks over. The run that was to grow may have ended meanwhile: then the master knows by now, too.
static void hear_growth(struct worker *worker, int *ranks, int length)
{
    if (!worker->leader || ranks[0] != worker->run) {
        free(ranks);
        return;
    }
    free(worker->growth);
    worker->growth = ranks;
    worker->growth_length = length;
}

static void listen_for_growth(struct worker *worker)
{
    int waiting, length;
    MPI_Status message;
    MPI_Iprobe(0, TAG_GROW, worker->world, &waiting, &message);
    if (!waiting)
        return;
    int *ranks = receive_ranks(worker, &message, &length);
    hear_growth(worker, ranks, length);
}

// The master itself leads a group, if there is a message to it while it works on a run.
static void serve(struct worker *worker)
{
    master_serve(worker->master);
    struct self_message own = master_self_message(worker->master);
    if (own.ranks)
        hear_growth(worker, own.ranks, own.length);
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
        listen_for_growth(worker);
    double seconds = clock_seconds(),
           interval = policy_report_seconds * (worker->ranks > 64 ? worker->ranks / 64.0 : 1.0);
    if (seconds - worker->last_progress >= interval) {
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
    worker->hooks->curve(worker->hooks->context, point, &state->scalars);
    tell(worker, TAG_POINT, &(struct report){.run = worker->run, .point = point, .scalars = state->scalars});
    return STATUS_OK;
}

static MPI_Comm make_group(const struct worker *worker, const int *ranks, int count)
{
    MPI_Group all, members;
    MPI_Comm comm;
    MPI_Comm_group(worker->everyone, &all);
    MPI_Group_incl(all, count, ranks, &members);
    MPI_Comm_create_group(worker->everyone, members, 0, &comm);
    MPI_Group_free(&members);
    MPI_Group_free(&all);
    return comm;
}

static bool growing(void *context)
{
    return ((struct worker *)context)->growth != NULL;
}

// The leader hands the list of ranks to the others, then calls the newcomers: from then on nobody turns back.
static MPI_Comm larger(void *context)
{
    struct worker *worker = context;
    MPI_Bcast(&worker->growth_length, 1, MPI_INT, 0, worker->group);
    if (!worker->leader)
        worker->growth = memory_small((size_t)worker->growth_length * sizeof *worker->growth);
    MPI_Bcast(worker->growth, worker->growth_length, MPI_INT, 0, worker->group);
    int old;
    MPI_Comm_size(worker->group, &old);
    for (int i = 1 + old; worker->leader && i < worker->growth_length; i++)
        outbox_send(&worker->outbox, worker->growth, worker->growth_length, MPI_INT, worker->growth[i],
                    TAG_JOIN);
    worker->larger = make_group(worker, worker->growth + 1, worker->growth_length - 1);
    return worker->larger;
}

static void grown(void *context, bool kept, const struct train_scalars *now)
{
    struct worker *worker = context;
    MPI_Comm_free(kept ? &worker->group : &worker->larger);
    if (kept)
        worker->group = worker->larger;
    free(worker->growth);
    worker->growth = NULL;
    if (worker->leader)
        tell(worker, TAG_GROWN, &(struct report){.run = worker->run, .larger = kept, .scalars = *now});
}

static void do_run(struct worker *worker, enum tag tag, const int *ranks, int length)
{
    const struct train_hooks hooks = {.context = worker,
                                      .load = load,
                                      .checkpoint = checkpoint,
                                      .curve = curve,
                                      .poll = poll,
                                      .checkpoint_every = worker->hooks->checkpoint_every,
                                      .growing = growing,
                                      .larger = larger,
                                      .grown = grown};
    worker->group = make_group(worker, ranks + 1, length - 1);
    worker->run = ranks[0];
    worker->leader = ranks[1] == worker->rank;
    worker->last_progress = -INFINITY; // the first step says where the run begins

    struct train_result result;
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
    free(worker->growth);
    worker->growth = NULL;
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
    master_create(worker->job, worker->hooks, &worker->outbox, &worker->master);
    for (;;) {
        master_serve(worker->master);
        struct self_message own = master_self_message(worker->master);
        if (own.ranks && own.tag != TAG_GROW) // else that run has ended meanwhile
            do_run(worker, own.tag, own.ranks, own.length);
        else if (master_done(worker->master, &status))
            break;
        else
            rest();
        free(own.ranks);
    }
    master_destroy(&worker->master);
    return status;
}

static enum status be_worker(struct worker *worker)
{
    for (;;) {
        exchange_stop(worker);
        int waiting, length, code;
        MPI_Status message;
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, worker->world, &waiting, &message);
        if (!waiting) {
            rest();
        } else if (message.MPI_TAG == TAG_QUIT) {
            MPI_Recv(&code, 1, MPI_INT, 0, TAG_QUIT, worker->world, MPI_STATUS_IGNORE);
            return (enum status)code;
        } else if (message.MPI_TAG != TAG_STOP) {
            int *ranks = receive_ranks(worker, &message, &length);
            if (message.MPI_TAG != TAG_GROW) // else that run has ended meanwhile
                do_run(worker, (enum tag)message.MPI_TAG, ranks, length);
            free(ranks);
        }
    }
}

enum status schedule_work(const struct schedule_job *job, const struct schedule_hooks *hooks, MPI_Comm world)
{
    struct worker worker = {.job = job, .hooks = hooks};
    MPI_Comm_dup(world, &worker.world); // our messages meet nobody else's
    MPI_Comm_dup(world, &worker.everyone);
    MPI_Comm_rank(worker.world, &worker.rank);
    MPI_Comm_size(worker.world, &worker.ranks);
    outbox_init(&worker.outbox, worker.world);
    enum status status = worker.rank == 0 ? be_master(&worker) : be_worker(&worker);
    outbox_close(&worker.outbox, worker.everyone);
    MPI_Comm_free(&worker.everyone);
    MPI_Comm_free(&worker.world);
    return status;
}
