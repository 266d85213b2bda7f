// The scheduler at scale: schedule/ and the group's tree as they are, on simulated ranks. Only the training
// step is replaced, by the time that it would take. Prints the makespan against what no schedule could beat,
// what messages cost, and the master's load.
#include "base/clock.h"
#include "base/memory.h"
#include "schedule/master.h"
#include "schedule/schedule.h"
#include "train/shard_tree.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_A_RANK = 8, SHARDS = 16, PARAMETERS = 134287, STEPS = 200 };

// One process simulates all ranks, in turn: what is constant is shared, and sums are taken without locks.
static struct {
    int64_t runs;
    struct policy_run *estimate; // [runs]
    struct run_spec *run;        // [runs]
    int64_t *todo;               // [runs]
    double work, computing, messages,
        last;              // seconds: needed; spent in steps and in their messages; the last run's end
    double master_seconds; // of this machine's processor
    int64_t extensions, reports;
} sweep;

// ---- the stand-in for training ----

struct trainer {
    const struct run_spec *run;
    const struct train_hooks *hooks;
    MPI_Comm group;
    int rank, ranks;
    float *gradient, *exchange;
    struct train_scalars scalars;
};

static void set_group(struct trainer *t, MPI_Comm group)
{
    t->group = group;
    MPI_Comm_rank(group, &t->rank);
    MPI_Comm_size(group, &t->ranks);
    if (t->ranks > 1 && !t->gradient) {
        t->gradient = memory_small(PARAMETERS * sizeof(float));
        t->exchange = memory_small((PARAMETERS + 1) / 2 * sizeof(float));
    }
}

static void sleep_for(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)(fmod(seconds, 1) * 1e9)};
    nanosleep(&time, NULL);
}

// The messages of a step, as train.c sends them: losses and votes, then the gradient's sum.
static bool share(struct trainer *t, bool extend)
{
    int length = SHARDS / t->ranks + 1;
    double report[2 * SHARDS];
    report[t->rank * length + length - 1] = extend;
    if (t->ranks == 1)
        return extend;
    MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, report, length, MPI_DOUBLE, t->group);
    shard_tree_allreduce(t->gradient, PARAMETERS, t->exchange, t->group);
    return report[length - 1] > 0; // the leader's
}

static void extend_group(struct trainer *t)
{
    MPI_Comm larger = t->hooks->extend(t->hooks->context);
    set_group(t, larger);
    MPI_Bcast(&t->scalars, sizeof t->scalars, MPI_BYTE, 0, larger);
    for (int i = 0; i < 3; i++)
        MPI_Bcast(t->gradient, PARAMETERS, MPI_FLOAT, 0, larger); // parameters and moments
    t->hooks->extended(t->hooks->context, true, &t->scalars);
}

static void train(struct trainer *t)
{
    double step_seconds = t->run->training.learning_rate; // where the sweep below keeps it
    while (t->scalars.step < t->run->training.steps) {
        double start = clock_seconds();
        sleep_for(step_seconds / t->ranks);
        double computed = clock_seconds();
        t->hooks->poll(t->hooks->context, &t->scalars);
        bool extending = share(t, t->rank == 0 && t->hooks->extension_pending(t->hooks->context));
        t->scalars.step++;
        t->scalars.wall_seconds += clock_seconds() - start;
        sweep.computing += computed - start;
        sweep.messages += clock_seconds() - computed;
        if (extending) {
            double before = clock_seconds();
            extend_group(t);
            sweep.messages += (clock_seconds() - before) * t->ranks;
            sweep.extensions += t->rank == 0;
        }
    }
}

static enum status begin(const struct run_spec *run, const struct train_hooks *hooks, MPI_Comm group,
                         bool joining, struct train_result *result)
{
    struct trainer t = {.run = run, .hooks = hooks};
    *result = (struct train_result){.end = TRAIN_DONE};
    set_group(&t, group);
    if (joining) {
        MPI_Bcast(&t.scalars, sizeof t.scalars, MPI_BYTE, 0, group);
        for (int i = 0; i < 3; i++)
            MPI_Bcast(t.gradient, PARAMETERS, MPI_FLOAT, 0, group);
    }
    train(&t);
    result->state.scalars = t.scalars;
    free(t.gradient);
    free(t.exchange);
    return STATUS_OK;
}

enum status train_run(const struct run_spec *run, const struct train_hooks *hooks, MPI_Comm group,
                      struct train_result *result)
{
    return begin(run, hooks, group, false, result);
}

enum status train_join(const struct run_spec *run, const struct train_hooks *hooks, MPI_Comm group,
                       struct train_result *result)
{
    return begin(run, hooks, group, true, result);
}

void train_state_free(struct train_state *state)
{
    (void)state;
}

// ---- what the master costs: --wrap=master_serve and this machine's own clock, which the simulation does not
// know of ----

void __real_master_serve(struct master *master);
void __wrap_master_serve(struct master *master);

static double processor_seconds(void)
{
    struct timespec time;
    syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void __wrap_master_serve(struct master *master)
{
    double start = processor_seconds();
    __real_master_serve(master);
    sweep.master_seconds += processor_seconds() - start;
}

// ---- the sweep: costs from 1 to 20 ----

static enum status started(void *context, int64_t run, const int *ranks, int size)
{
    (void)context, (void)run, (void)ranks, (void)size;
    return STATUS_OK;
}

static enum status extended(void *context, int64_t run, const int *ranks, int size, int64_t step)
{
    (void)context, (void)run, (void)ranks, (void)size, (void)step;
    return STATUS_OK;
}

static enum status progress(void *context, int64_t run, const struct train_scalars *scalars)
{
    (void)context, (void)run, (void)scalars;
    sweep.reports++;
    return STATUS_OK;
}

static enum status finished(void *context, int64_t run, enum train_end end,
                            const struct train_scalars *scalars, const double *scores, const char *message)
{
    (void)context, (void)run, (void)end, (void)scalars, (void)scores, (void)message;
    sweep.reports++;
    sweep.last = clock_seconds();
    return STATUS_OK;
}

static void tick(void *context)
{
    (void)context;
}

static void make_sweep(int ranks)
{
    sweep.runs = RUNS_A_RANK * (int64_t)ranks;
    sweep.run = memory_small((size_t)sweep.runs * sizeof *sweep.run);
    sweep.estimate = memory_small((size_t)sweep.runs * sizeof *sweep.estimate);
    sweep.todo = memory_small((size_t)sweep.runs * sizeof *sweep.todo);
    uint64_t state = 1;
    for (int64_t i = 0; i < sweep.runs; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double seconds = 1 + 19 * (double)(state >> 40) / (double)(1 << 24);
        sweep.run[i].training.steps = STEPS;
        sweep.run[i].training.shards = SHARDS;
        sweep.run[i].training.learning_rate = seconds / STEPS;
        sweep.estimate[i] = (struct policy_run){STEPS, seconds / STEPS, PARAMETERS * sizeof(float), SHARDS};
        sweep.todo[i] = i;
        sweep.work += seconds;
    }
}

int main(int argc, char **argv)
{
    int rank, ranks;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (rank == 0)
        make_sweep(ranks);
    MPI_Barrier(MPI_COMM_WORLD);
    double start = clock_seconds();
    const struct schedule_job job = {sweep.runs, sweep.run, sweep.estimate, sweep.todo, sweep.runs, 0};
    const struct schedule_hooks hooks = {
        .started = started, .extended = extended, .progress = progress, .finished = finished, .tick = tick};
    enum status status = schedule_work(&job, &hooks, MPI_COMM_WORLD);
    if (rank == 0) {
        double makespan = sweep.last - start, bound = sweep.work / ranks; // no run is that long
        printf("%5d ranks  %6lld runs  makespan %8.3f s  bound %8.3f s  over it %5.2f %%  extensions %5lld\n",
               ranks, (long long)sweep.runs, makespan, bound, 100 * (makespan / bound - 1),
               (long long)sweep.extensions);
        printf("             of all ranks' time: steps %.2f %%, messages %.3f %%, nothing to do %.2f %%\n",
               100 * sweep.computing / (makespan * ranks), 100 * sweep.messages / (makespan * ranks),
               100 * (1 - (sweep.computing + sweep.messages) / (makespan * ranks)));
        printf("             master: %lld reports, %.3f s of this machine's processor, %.2f %% of the "
               "makespan\n",
               (long long)sweep.reports, sweep.master_seconds, 100 * sweep.master_seconds / makespan);
        fflush(stdout);
    }
    MPI_Finalize();
    return (int)status;
}
