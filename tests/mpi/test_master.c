// The master's messages on two ranks: rank 0 runs the master, rank 1 plays a leader and checks the messages
// that it receives. Exit code 0 if all checks hold.
#include "schedule/master.h"

#include "base/stop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 2 };

static const struct policy_run estimate[RUNS] = {{100, 1, 0, 2}, {90, 1, 0, 2}};
static const int64_t todo[RUNS] = {0, 1};
static struct run_spec run[RUNS]; // 100 and 90 steps
static MPI_Comm comm;
static int rank, failures;

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: rank %d: %s\n", __FILE__, __LINE__, rank, #condition);                   \
            failures++;                                                                                      \
        }                                                                                                    \
    } while (0)

// ---- hooks that record their calls ----

static char calls[256];
static const char *failure; // message with which `point` fails

static enum status record(const char *name, int64_t of, int64_t value)
{
    size_t length = strlen(calls);
    snprintf(calls + length, sizeof calls - length, "%s %lld %lld; ", name, (long long)of, (long long)value);
    return STATUS_OK;
}

static enum status started(void *context, int64_t of, const int *ranks, int size)
{
    (void)context;
    return record("started", of, 10 * size + ranks[0]);
}

static enum status extended(void *context, int64_t of, const int *ranks, int size, int64_t step)
{
    (void)context, (void)step;
    return record("extended", of, 10 * size + ranks[size - 1]);
}

static enum status progress(void *context, int64_t of, const struct train_scalars *scalars)
{
    (void)context;
    return record("progress", of, scalars->step);
}

static enum status point(void *context, int64_t of, int64_t index, const struct train_scalars *scalars)
{
    (void)context, (void)scalars;
    if (failure)
        FAIL(STATUS_MACHINE, "%s", failure);
    return record("point", of, index);
}

static enum status finished(void *context, int64_t of, enum train_end end,
                            const struct train_scalars *scalars, const double *scores, const char *message)
{
    (void)context, (void)end, (void)scalars, (void)scores, (void)message;
    return record("finished", of, end);
}

static void tick(void *context)
{
    (void)context;
}

static const struct schedule_hooks hooks = {.started = started,
                                            .extended = extended,
                                            .progress = progress,
                                            .point = point,
                                            .finished = finished,
                                            .tick = tick};
static const struct schedule_job job = {
    .runs = RUNS, .run = run, .estimate = estimate, .todo = todo, .todo_count = RUNS};

static void expect_calls(const char *text)
{
    if (strcmp(calls, text) != 0) {
        fprintf(stderr, "calls \"%s\"; expected \"%s\"\n", calls, text);
        failures++;
    }
    calls[0] = '\0';
}

// ---- rank 1 ----

static void expect_message(enum tag tag, int length, int first, int second)
{
    int message[3] = {-1, -1, -1}, count;
    MPI_Status status;
    MPI_Recv(message, 3, MPI_INT, 0, MPI_ANY_TAG, comm, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    CHECK(status.MPI_TAG == (int)tag && count == length && message[0] == first && message[1] == second);
}

static void send_report(struct outbox *outbox, enum tag tag, int64_t step, int64_t index)
{
    const struct report report = {.run = 1, .scalars.step = step, .point = index, .end = TRAIN_DONE};
    outbox_send(outbox, &report, sizeof report, MPI_BYTE, 0, tag);
}

// ---- the checks; both ranks call each ----

// Both runs start, run 1 ends first, and rank 1 joins the group of run 0.
static void check_sweep(struct outbox *outbox)
{
    if (rank == 1) {
        expect_message(TAG_ASSIGN, 2, 1, 1);
        send_report(outbox, TAG_PROGRESS, 5, 0);
        send_report(outbox, TAG_POINT, 10, 3);
        send_report(outbox, TAG_FINISHED, 90, 0);
        expect_message(TAG_QUIT, 1, STATUS_OK, -1);
        return;
    }
    struct master *master;
    enum status status;
    master_create(&job, &hooks, outbox, &master);
    CHECK(!master_done(master, &status)); // runs wait
    master_serve(master);
    struct self_message order = master_self_message(master);
    CHECK(order.tag == TAG_ASSIGN && order.length == 2 && order.ranks[0] == 0 && order.ranks[1] == 0);
    free(order.ranks);
    while (!strstr(calls, "finished"))
        master_serve(master);
    expect_calls("started 0 10; started 1 11; progress 1 5; point 1 3; finished 1 0; ");
    master_serve(master);
    order = master_self_message(master);
    CHECK(order.tag == TAG_EXTEND && order.length == 3 && order.ranks[1] == 0 && order.ranks[2] == 1);
    free(order.ranks);
    CHECK(!master_self_message(master).ranks && !master_done(master, &status));
    const struct report joined = {.run = 0, .extended = true}, done = {.run = 0, .end = TRAIN_DIVERGED};
    master_report(master, TAG_EXTENDED, &joined);
    master_report(master, TAG_FINISHED, &done);
    expect_calls("extended 0 21; finished 0 1; ");
    CHECK(master_done(master, &status) && status == STATUS_OK);
    CHECK(master_done(master, &status)); // sends no second TAG_QUIT
    master_destroy(&master);
}

// A stop request of rank 1 reaches all ranks, and no run starts.
static void check_stop(struct outbox *outbox)
{
    if (rank == 1) {
        outbox_send(outbox, NULL, 0, MPI_BYTE, 0, TAG_STOP);
        expect_message(TAG_STOP, 0, -1, -1);
        expect_message(TAG_QUIT, 1, STATUS_INTERRUPTED, -1);
        return;
    }
    struct master *master;
    enum status status;
    master_create(&job, &hooks, outbox, &master);
    MPI_Probe(1, TAG_STOP, comm, MPI_STATUS_IGNORE); // it has arrived
    master_serve(master);
    CHECK(stop_requested() && !master_self_message(master).ranks);
    master_serve(master); // sends no second TAG_STOP
    expect_calls("");
    CHECK(master_done(master, &status) && status == STATUS_INTERRUPTED);
    master_destroy(&master);
}

// The first failure to write results is the status of the job, with its message.
static void check_failure(struct outbox *outbox)
{
    if (rank == 1) {
        expect_message(TAG_QUIT, 1, STATUS_MACHINE, -1);
        return;
    }
    struct master *master;
    enum status status;
    const struct report report = {.run = 0};
    master_create(&job, &hooks, outbox, &master);
    failure = "disk full";
    master_report(master, TAG_POINT, &report);
    failure = "still full";
    master_report(master, TAG_POINT, &report);
    CHECK(master_done(master, &status) && status == STATUS_MACHINE);
    CHECK(strcmp(status_message(), "disk full") == 0);
    master_destroy(&master);
}

int main(int argc, char **argv)
{
    MPI_Comm barrier;
    struct outbox outbox;
    MPI_Init(&argc, &argv);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_dup(MPI_COMM_WORLD, &barrier);
    MPI_Comm_rank(comm, &rank);
    run[0].training.steps = 100;
    run[1].training.steps = 90;
    outbox_init(&outbox, comm);
    check_sweep(&outbox);
    check_stop(&outbox);
    check_failure(&outbox);
    outbox_close(&outbox, barrier);
    MPI_Comm_free(&barrier);
    MPI_Comm_free(&comm);
    MPI_Finalize();
    return failures > 0;
}
