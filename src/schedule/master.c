#include "schedule/master.h"

#include "base/memory.h"
#include "base/stop.h"
#include "schedule/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDLE = -1 };

struct master {
    const struct schedule_job *job;
    const struct schedule_hooks *hooks;
    MPI_Comm world;
    int ranks;
    int64_t *queue; // runs that wait, longest first, from `next` on
    int64_t next;
    int64_t *busy; // [ranks]: the run a rank works on, or IDLE
    int running;   // groups
    int *own;      // rank 0's next assignment
    int own_length;
    bool stop_sent, quit_sent, work_left;
    enum status failure; // of the results file
    char failure_message[512];
};

static const double *costs; // of the sort below

static int by_cost(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    if (costs[x] != costs[y])
        return costs[x] < costs[y] ? 1 : -1;
    return (x > y) - (x < y);
}

void master_create(const struct schedule_job *job, const struct schedule_hooks *hooks, MPI_Comm world,
                   struct master **out)
{
    struct master *master = memory_small(sizeof *master);
    *master = (struct master){.job = job, .hooks = hooks, .world = world};
    MPI_Comm_size(world, &master->ranks);
    master->queue = memory_small((size_t)job->todo_count * sizeof *master->queue);
    if (job->todo_count > 0)
        memcpy(master->queue, job->todo, (size_t)job->todo_count * sizeof *master->queue);
    costs = job->cost;
    qsort(master->queue, (size_t)job->todo_count, sizeof *master->queue, by_cost);
    master->busy = memory_small((size_t)master->ranks * sizeof *master->busy);
    for (int rank = 0; rank < master->ranks; rank++)
        master->busy[rank] = IDLE;
    *out = master;
}

void master_destroy(struct master **master)
{
    if (!*master)
        return;
    free((*master)->queue);
    free((*master)->busy);
    free((*master)->own);
    free(*master);
    *master = NULL;
}

static void fail(struct master *master, enum status status, const char *message)
{
    if (status == STATUS_OK || master->failure != STATUS_OK)
        return;
    master->failure = status;
    snprintf(master->failure_message, sizeof master->failure_message, "%s", message);
    stop_request(); // the others save what they can
}

// ---- starting runs ----

static int free_ranks(const struct master *master)
{
    int count = 0;
    for (int rank = 0; rank < master->ranks; rank++)
        count += master->busy[rank] == IDLE;
    return count;
}

static void assign(struct master *master, int64_t run, int size)
{
    int *group = memory_small((size_t)(size + 1) * sizeof *group);
    int length = 0;
    group[length++] = (int)run;
    for (int rank = 0; rank < master->ranks && length <= size; rank++)
        if (master->busy[rank] == IDLE)
            group[length++] = rank;
    for (int i = 1; i < length; i++)
        master->busy[group[i]] = run;
    master->running++;
    fail(master, master->hooks->started(master->hooks->context, run, size), status_message());
    for (int i = 1; i < length; i++)
        if (group[i] != 0)
            MPI_Send(group, length, MPI_INT, group[i], TAG_ASSIGN, master->world);
    if (group[1] == 0) {
        master->own = group;
        master->own_length = length;
    } else {
        free(group);
    }
}

static void start_runs(struct master *master)
{
    int spare = free_ranks(master);
    int64_t waiting = master->job->todo_count - master->next;
    if (stop_requested() || spare == 0 || waiting == 0)
        return;
    int queued = waiting < spare ? (int)waiting : spare; // no more can start
    struct policy_run *queue = memory_small((size_t)queued * sizeof *queue);
    int *size = memory_small((size_t)queued * sizeof *size);
    for (int i = 0; i < queued; i++) {
        int64_t run = master->queue[master->next + i];
        queue[i] = (struct policy_run){master->job->cost[run], master->job->run[run].training.shards};
    }
    int started = policy_start(queue, queued, spare, master->job->group, size);
    for (int i = 0; i < started; i++)
        assign(master, master->queue[master->next++], size[i]);
    free(queue);
    free(size);
}

int *master_own_assignment(struct master *master, int *length)
{
    int *own = master->own;
    *length = master->own_length;
    master->own = NULL;
    return own;
}

// ---- reports ----

void master_report(struct master *master, enum tag tag, const struct report *report)
{
    const struct schedule_hooks *hooks = master->hooks;
    if (tag == TAG_PROGRESS) {
        fail(master, hooks->progress(hooks->context, report->run, &report->scalars), status_message());
        return;
    }
    master->running--;
    for (int rank = 0; rank < master->ranks; rank++)
        if (master->busy[rank] == report->run)
            master->busy[rank] = IDLE;
    if (report->status != STATUS_OK) {
        fail(master, report->status, report->message);
        return;
    }
    if (report->end == TRAIN_STOPPED) {
        master->work_left = true;
        stop_request();
    }
    fail(master,
         hooks->finished(hooks->context, report->run, report->end, &report->scalars, &report->sums,
                         report->message),
         status_message());
}

static void receive(struct master *master, const MPI_Status *message)
{
    struct report report;
    if (message->MPI_TAG == TAG_STOP) {
        MPI_Recv(NULL, 0, MPI_BYTE, message->MPI_SOURCE, TAG_STOP, master->world, MPI_STATUS_IGNORE);
        stop_request();
        return;
    }
    MPI_Recv(&report, sizeof report, MPI_BYTE, message->MPI_SOURCE, message->MPI_TAG, master->world,
             MPI_STATUS_IGNORE);
    master_report(master, (enum tag)message->MPI_TAG, &report);
}

void master_serve(struct master *master)
{
    int waiting = 1;
    while (waiting) {
        MPI_Status message;
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, master->world, &waiting, &message);
        if (waiting)
            receive(master, &message);
    }
    if (stop_requested() && !master->stop_sent) {
        master->stop_sent = true;
        for (int rank = 1; rank < master->ranks; rank++)
            MPI_Send(NULL, 0, MPI_BYTE, rank, TAG_STOP, master->world);
    }
    start_runs(master);
    master->hooks->tick(master->hooks->context);
}

// ---- the end ----

static enum status end_status(const struct master *master)
{
    if (master->failure != STATUS_OK)
        return master->failure;
    return master->work_left || master->next < master->job->todo_count ? STATUS_INTERRUPTED : STATUS_OK;
}

bool master_done(struct master *master, enum status *status)
{
    bool more = master->next < master->job->todo_count && !stop_requested();
    if (master->running > 0 || more)
        return false;
    *status = end_status(master);
    if (!master->quit_sent) {
        master->quit_sent = true;
        int code = (int)*status;
        for (int rank = 1; rank < master->ranks; rank++)
            MPI_Send(&code, 1, MPI_INT, rank, TAG_QUIT, master->world);
    }
    if (master->failure != STATUS_OK) // later successes may have replaced the record
        status_fail(master->failure, __FILE__, __LINE__, "%s", master->failure_message);
    return true;
}
