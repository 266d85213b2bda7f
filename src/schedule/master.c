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

// Longest first; runs of equal cost in the sweep's order. context: the costs.
static int by_cost(const void *a, const void *b, void *context)
{
    const double *cost = context;
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    if (cost[x] != cost[y])
        return cost[x] < cost[y] ? 1 : -1;
    return (x > y) - (x < y);
}

static int64_t *make_queue(const struct schedule_job *job)
{
    size_t count = (size_t)job->todo_count;
    int64_t *queue = memory_small(count * sizeof *queue);
    if (count > 0)
        memcpy(queue, job->todo, count * sizeof *queue);
    qsort_r(queue, count, sizeof *queue, by_cost, (void *)job->cost);
    return queue;
}

// Sizes of the groups that start now, for the runs from the queue's front; the caller frees them.
static int choose_groups(const struct schedule_job *job, const int64_t *front, int64_t waiting, int spare,
                         int **size)
{
    int queued = waiting < spare ? (int)waiting : spare; // no more can start
    struct policy_run *queue = memory_small((size_t)queued * sizeof *queue);
    *size = memory_small((size_t)queued * sizeof **size);
    for (int i = 0; i < queued; i++)
        queue[i] = (struct policy_run){job->cost[front[i]], job->run[front[i]].training.shards};
    int started = policy_start(queue, queued, spare, job->group, *size);
    free(queue);
    return started;
}

int schedule_ranks_used(const struct schedule_job *job, int ranks)
{
    int *size, used = 0;
    int64_t *queue = make_queue(job);
    int started = choose_groups(job, queue, job->todo_count, ranks, &size);
    for (int i = 0; i < started; i++)
        used += size[i];
    free(size);
    free(queue);
    return used;
}

void master_create(const struct schedule_job *job, const struct schedule_hooks *hooks, MPI_Comm world,
                   struct master **out)
{
    struct master *master = memory_small(sizeof *master);
    *master = (struct master){.job = job, .hooks = hooks, .world = world};
    MPI_Comm_size(world, &master->ranks);
    master->queue = make_queue(job);
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

// A failure of the results file ends the job: `status` was just recorded, here or (with its message) by a leader.
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
    enum status status = master->hooks->started(master->hooks->context, run, group + 1, size);
    fail(master, status, status_message());
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
    int *size;
    int started = choose_groups(master->job, master->queue + master->next, waiting, spare, &size);
    for (int i = 0; i < started; i++)
        assign(master, master->queue[master->next++], size[i]);
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
        enum status status = hooks->progress(hooks->context, report->run, &report->scalars);
        fail(master, status, status_message());
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
    enum status status = hooks->finished(hooks->context, report->run, report->end, &report->scalars,
                                         &report->sums, report->message);
    fail(master, status, status_message());
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
