#include "base/agree.h"
#include "base/cores.h"
#include "base/memory.h"
#include "base/stop.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/run_options.h"
#include "driver/extend.h"
#include "driver/probe_file.h"
#include "driver/recorder.h"
#include "driver/repair.h"
#include "driver/results.h"
#include "driver/selection.h"
#include "driver/throughput.h"
#include "kernel/gemm.h"
#include "kernel/numerics.h"
#include "schedule/schedule.h"
#include "store/file.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// ---- the sweep and its file ----

// Sets options->selected [runs] to the runs that --only selects.
static enum status select_runs(const struct sweep *sweep, struct run_options *options)
{
    struct column_table settings;
    struct selection selection = {.runs = &settings, .option = "--only", .lister = "weightsweep plan"};
    enum status status = STATUS_OK;
    sweep_columns(sweep, &settings);
    options->selected = memory_small((size_t)sweep->runs * sizeof *options->selected);
    for (int i = 0; i < options->only.count && status == STATUS_OK; i++) {
        selection.argument = options->only.values[i];
        status = selection_add(&selection, options->selected);
    }
    column_table_free(&settings);
    return status;
}

static enum status make_sweep(const char *text, struct run_options *options, struct sweep **sweep)
{
    TRY(sweep_create(options->sweep, text, options->set.count, options->set.values, sweep));
    return options->only.count > 0 ? select_runs(*sweep, options) : STATUS_OK;
}

static enum status read_sweep(struct run_options *options, struct sweep **sweep)
{
    char *text = NULL;
    enum status status = STATUS_OK;
    TRY_DONE(sweep_read(options->sweep, &text));
    TRY_DONE(make_sweep(text, options, sweep));
done:
    free(text);
    return status;
}

// Broadcasts the sweep from rank 0, or rank 0's failure `status`. Collective.
static enum status share_sweep(struct run_options *options, MPI_Comm comm, enum status status,
                               struct sweep **sweep)
{
    int rank;
    MPI_Comm_rank(comm, &rank);
    if (rank == 0 && status == STATUS_OK && !*sweep) // the launcher's rank 0 is not MPI's
        status = read_sweep(options, sweep);
    TRY(agree(rank == 0 ? status : STATUS_OK, comm));
    int length = rank == 0 ? (int)strlen((*sweep)->text) + 1 : 0;
    MPI_Bcast(&length, 1, MPI_INT, 0, comm);
    if (rank == 0) {
        MPI_Bcast((*sweep)->text, length, MPI_CHAR, 0, comm);
        return STATUS_OK;
    }
    char *text = memory_small((size_t)length);
    MPI_Bcast(text, length, MPI_CHAR, 0, comm);
    sweep_destroy(sweep);
    free(options->selected);
    status = make_sweep(text, options, sweep);
    free(text);
    return status;
}

// Refuses ranks with different numerics: the sums of their shards would have other bits. Collective.
static enum status check_numerics(const struct sweep *sweep, MPI_Comm comm)
{
    int rank;
    enum status status = STATUS_OK;
    MPI_Comm_rank(comm, &rank);
    for (int i = 0; i < 2; i++) {
        const char *own = numerics_name((enum precision)i);
        char first[256];
        snprintf(first, sizeof first, "%s", own);
        MPI_Bcast(first, sizeof first, MPI_CHAR, 0, comm);
        if (results_has_precision(sweep, (enum precision)i) && strcmp(first, own) != 0)
            status = FAILED(STATUS_RESULTS,
                            "the ranks of this job compute with different numerics (rank 0: %s; rank %d: "
                            "%s), so the bits "
                            "would differ; use nodes of one kind, or mix them with --allow-other-arithmetic",
                            first, rank, own);
    }
    return agree(status, comm);
}

static bool is_lost(enum run_state status)
{
    return status == RUN_DIVERGED || status == RUN_FAILED;
}

static bool needs_work(const struct run_options *options, enum run_state status)
{
    return status == RUN_PENDING || status == RUN_RUNNING || (options->retry && is_lost(status));
}

/* State of the sweep in the results file at the start. All members but `status` are set on rank 0 only. */
struct past {
    uint8_t *status;     // [runs], on all ranks
    int64_t *steps_done; // [runs]
    bool *damaged;       // [runs], the row, curve or model does not match its checksum
    struct timeline_past timeline;
};

// Sets damaged [runs] for finished runs whose row, curve or model does not match its checksum.
static enum status find_damage(const struct store_view *view, bool *damaged)
{
    for (int64_t run = 0; run < view->runs; run++) {
        bool valid = !view->damaged[run];
        if (view->status[run] >= RUN_DONE)
            TRY(store_view_check_run(view, run, &valid));
        damaged[run] = !valid;
    }
    return STATUS_OK;
}

// Creates, extends or checks the results file and reads the state of each run. Rank 0 only.
static enum status prepare_file(const struct run_options *options, const struct sweep *sweep,
                                struct past *past)
{
    bool exists;
    TRY(file_exists(options->output, &exists));
    if (exists) {
        TRY(probe_file(options->output, PROBE_OUTPUT));
        if (options->grow)
            TRY(extend_file(options->output, sweep, options->other_numerics));
    } else {
        TRY(results_create(options->output, sweep));
    }
    struct store_view *view = NULL;
    TRY(probe_file_view(options->output, &view));
    bool work = false; // a finished file may have been computed with other numerics
    for (int64_t run = 0; run < view->runs; run++)
        work |= needs_work(options, (enum run_state)view->status[run]);
    enum status status = results_check(view, sweep, false, work && !options->other_numerics);
    if (status == STATUS_OK)
        status = timeline_past(view, &past->timeline);
    if (status == STATUS_OK)
        status = find_damage(view, past->damaged);
    if (status == STATUS_OK) {
        memcpy(past->status, view->status, (size_t)sweep->runs);
        memcpy(past->steps_done, column_find(&view->columns, "steps_done")->ints,
               (size_t)sweep->runs * sizeof *past->steps_done);
    }
    store_view_close(&view);
    return status;
}

// ---- runs to train ----

static bool to_do(const struct run_options *options, enum run_state status, int64_t run)
{
    return needs_work(options, status) && (!options->selected || options->selected[run]);
}

// Resets diverged and failed runs to pending for --retry. The file is written at once, so that the next
// command continues them after an interruption, also without --retry. Collective.
static enum status reset_lost_runs(const struct command *command, const struct run_options *options,
                                   const struct sweep *sweep, struct store *store, uint8_t *run_state)
{
    int rank;
    int64_t diverged = 0;
    enum status status = STATUS_OK;
    MPI_Comm_rank(command->comm, &rank);
    for (int64_t run = 0; run < sweep->runs && status == STATUS_OK; run++) {
        if (!is_lost(run_state[run]) || !to_do(options, run_state[run], run))
            continue;
        diverged += run_state[run] == RUN_DIVERGED;
        run_state[run] = RUN_PENDING;
        if (rank == 0)
            status = store_write_status(store, run, RUN_PENDING);
    }
    if (rank == 0 && diverged > 0 && options->progress != PROGRESS_NONE)
        fprintf(command->err,
                "note: --retry repeats %lld diverged run%s. Training is deterministic: %s again unless a "
                "setting changes; --retry helps only after a failure of the machine\n",
                (long long)diverged, text_plural(diverged),
                diverged == 1 ? "it will diverge" : "they will diverge");
    return agree(status, command->comm);
}

// Restores the curves of unfinished runs from their checkpoints. Collective.
static enum status restore_curves(const struct sweep *sweep, struct store *store, MPI_Comm comm,
                                  const struct past *past)
{
    int rank;
    enum status status = STATUS_OK;
    MPI_Comm_rank(comm, &rank);
    for (int64_t run = 0; rank == 0 && run < sweep->runs && status == STATUS_OK; run++)
        if (past->status[run] == RUN_RUNNING || past->damaged[run] ||
            (past->status[run] == RUN_PENDING && past->steps_done[run] > 0))
            status = store_restore_curve(store, run);
    return agree(status, comm);
}

// ---- training ----

enum { NAMED_RUNS = 8 };

// STATUS_RUNS with the first NAMED_RUNS ids if runs of the sweep have diverged or failed.
static enum status check_lost(const char *output, const struct sweep *sweep, const uint8_t *run_state)
{
    int64_t lost = 0;
    struct text names = {0};
    for (int64_t run = 0; run < sweep->runs; run++) {
        if (!is_lost(run_state[run]))
            continue;
        if (++lost <= NAMED_RUNS)
            text_format(&names, "%s%s %s", lost > 1 ? ", " : "", sweep->run[run].id,
                        run_state[run] == RUN_DIVERGED ? "diverged" : "failed");
    }
    enum status status = STATUS_OK;
    if (lost > 0)
        status = FAILED(STATUS_RUNS,
                        "%lld of %lld run%s did not finish: %s%s; the column `message` of %s says why. "
                        "Training is deterministic: a diverged run diverges again unless a setting "
                        "changes. --retry repeats the runs; it helps only after a failure of the "
                        "machine, such as missing memory",
                        (long long)lost, (long long)sweep->runs, text_plural(sweep->runs), names.chars,
                        lost > NAMED_RUNS ? ", ..." : "", output);
    text_free(&names);
    return status;
}

static void note_idle_ranks(const struct command *command, const struct schedule_job *job, int ranks)
{
    int used = schedule_ranks_used(job, ranks);
    if (job->todo_count > 0 && used < ranks)
        fprintf(command->err,
                "note: %d of %d ranks stay idle: a run takes a power of two of them, at most one per shard, "
                "and %lld run%s left\n",
                ranks - used, ranks, (long long)job->todo_count, job->todo_count == 1 ? " is" : "s are");
}

static void note_one_rank(const struct command *command, const struct schedule_job *job)
{
    int cores = cores_available();
    if (!command->launched && job->todo_count > 0 && schedule_ranks_used(job, cores) > 1)
        fprintf(command->err, "note: 1 rank on %d cores: mpirun -n %d weightsweep run ... is faster\n", cores,
                schedule_ranks_used(job, cores));
}

// Trains the runs that need work. Collective.
static enum status work(const struct command *command, const struct run_options *options,
                        const struct sweep *sweep, struct store *store, const struct past *past)
{
    const int64_t *steps_done = past->steps_done;
    uint8_t *run_state = past->status;
    int rank, ranks;
    size_t runs = (size_t)sweep->runs;
    MPI_Comm_rank(command->comm, &rank);
    MPI_Comm_size(command->comm, &ranks);
    struct recorder recorder;
    recorder_init(&recorder, store, sweep, run_state);
    const struct throughputs unknown = {0}; // the scheduler measures
    struct policy_run *estimate = memory_small(runs * sizeof *estimate);
    int64_t *todo = memory_small(runs * sizeof *todo);
    struct schedule_job job = {
        .runs = sweep->runs, .run = sweep->run, .estimate = estimate, .todo = todo, .group = options->group};
    while (job.group > ranks) // --group 4 on two ranks: groups of two
        job.group /= 2;
    for (int64_t i = 0; i < sweep->runs; i++) {
        estimate[i] = throughput_estimate(&unknown, &sweep->run[i], steps_done[i]);
        if (to_do(options, run_state[i], i))
            todo[job.todo_count++] = i;
    }
    if (rank == 0) {
        progress_create(options->progress, sweep, command->err, &recorder.progress);
        timeline_create(store, sweep->runs, past->timeline, &recorder.timeline);
        for (int64_t i = 0; i < sweep->runs; i++)
            if (to_do(options, run_state[i], i))
                progress_begin(recorder.progress, i, steps_done[i], true);
            else if (!needs_work(options, run_state[i])) // progress excludes runs that --only excludes
                progress_begin(recorder.progress, i, steps_done[i], false);
        if (options->progress != PROGRESS_NONE) {
            note_idle_ranks(command, &job, ranks);
            note_one_rank(command, &job);
        }
    }
    const struct schedule_hooks hooks = recorder_hooks(&recorder, options->checkpoint_every);
    enum status status = schedule_work(&job, &hooks, command->comm);
    if (rank == 0 && job.todo_count > 0)
        recorder_end(&recorder, command->err);
    recorder_free(&recorder);
    free(estimate);
    free(todo);
    return status;
}

// Locks and opens the results file, trains, and closes it. Collective.
static enum status with_file(const struct command *command, const struct run_options *options,
                             const struct sweep *sweep)
{
    size_t runs = (size_t)sweep->runs;
    struct past past = {.status = memory_small(runs),
                        .steps_done = memory_small(runs * sizeof *past.steps_done),
                        .damaged = memory_small(runs * sizeof *past.damaged)};
    struct store *store = NULL;
    int rank, lock = -1;
    MPI_Comm_rank(command->comm, &rank);

    enum status status = STATUS_OK;
    if (rank == 0)
        status = store_lock_acquire(options->output, &lock);
    if (rank == 0 && status == STATUS_OK)
        status = prepare_file(options, sweep, &past);
    if (rank == 0 && status == STATUS_OK)
        status = store_lock_created(options->output, lock);
    TRY_DONE(agree(status, command->comm));
    MPI_Bcast(past.status, (int)sweep->runs, MPI_UINT8_T, 0, command->comm);
    TRY_DONE(store_open(options->output, command->comm, &store));
    TRY_DONE(repair_runs(sweep, store, past.damaged, past.status, command->comm, command->err));
    TRY_DONE(reset_lost_runs(command, options, sweep, store, past.status));
    TRY_DONE(restore_curves(sweep, store, command->comm, &past));
    status = work(command, options, sweep, store, &past);
    if (rank == 0 && status == STATUS_OK)
        status = check_lost(options->output, sweep, past.status);
    if (rank == 0 && status == STATUS_INTERRUPTED)
        status =
            FAILED(STATUS_INTERRUPTED, "interrupted; everything is saved in %s: run the same command again",
                   options->output);
    status = agree(status, command->comm);
done:
    if (store) {
        enum status closed = store_close(&store);
        if (closed != STATUS_OK)
            status = closed;
    }
    if (lock >= 0)
        store_lock_release(options->output, &lock);
    free(past.status);
    free(past.steps_done);
    free(past.damaged);
    return status;
}

// Minimum of --time-limit and the time to the end of the SLURM job, seconds. SLURM does not update the
// variable when a job's limit is extended: an end in the past is ignored.
static double time_left(double limit)
{
    const char *job_end = getenv("SLURM_JOB_END_TIME");
    double left = job_end ? strtod(job_end, NULL) - (double)time(NULL) : 0;
    return left > 0 && left < limit ? left : limit;
}

/* All ranks check the options, and the launcher's rank 0 checks the sweep, before MPI starts. Without a
 * launcher an invalid sweep ends the command before MPI starts; with one, rank 0 starts MPI to share the
 * failure. */
enum status command_run(const struct command *command, int argc, char **argv)
{
    struct run_options options;
    struct sweep *sweep = NULL;
    struct command parallel = *command;
    enum status status = run_options_parse(command, argc, argv, &options);
    if (status != STATUS_OK)
        goto done;
    stop_catch_signals(time_left(options.time_limit));
    if (command->rank == 0)
        status = read_sweep(&options, &sweep);
    if (status != STATUS_OK && !command->launched)
        goto done;
    store_begin();
    parallel.comm = command->start_mpi();
    TRY_DONE(share_sweep(&options, parallel.comm, status, &sweep));
    if (command->rank == 0 && options.progress != PROGRESS_NONE)
        fputs(sweep->notes, command->err);
    TRY_DONE(agree(numerics_setup(), parallel.comm));
    gemm_use(PRECISION_FP32, options.gemm);
    if (!options.other_numerics)
        TRY_DONE(check_numerics(sweep, parallel.comm));
    status = with_file(&parallel, &options, sweep);
done:
    sweep_destroy(&sweep);
    free(options.set.values);
    free(options.only.values);
    free(options.selected);
    return status;
}
