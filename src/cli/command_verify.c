#include "base/number.h"
#include "cli/options.h"
#include "driver/probe_file.h"
#include "driver/reproduce.h"
#include "driver/results_view.h"
#include "kernel/numerics.h"
#include "store/store.h"

#include <inttypes.h>

struct options {
    const char *results, *reproduce; // reproduce: RUN, or NULL
    int64_t steps;                   // 0: all
};

static enum status parse_steps(const struct option *option, const char *text, void *target)
{
    (void)option;
    int64_t steps;
    if (!number_integer(text, &steps) || steps < 1)
        FAIL(STATUS_USAGE, "--steps %s: expected an integer of at least 1", text);
    *(int64_t *)target = steps;
    return STATUS_OK;
}

static const struct option option_table[] = {
    {0, "reproduce", "RUN",
     "train this run again and compare its row, curve and tensors bit by bit: the run's id, the beginning of "
     "the id, conditions that select one run, or best",
     option_text, offsetof(struct options, reproduce)},
    {0, "steps", "N", "with --reproduce: only to the first point of the curve at or after N steps",
     parse_steps, offsetof(struct options, steps)},
    {0}};

const struct usage verify_usage = {
    .name = "verify",
    .summary = "check a results file",
    .synopsis = "weightsweep verify RESULTS.h5\n"
                "weightsweep verify RESULTS.h5 --reproduce RUN [--steps N]",
    .description =
        "Checks every checksum and invariant of a results file, and every byte of an archive. Exit code 0, "
        "or 3 with one line per fault. Lists attributes, datasets and groups that other programs added; they "
        "are not faults.\n"
        "\n"
        "With --reproduce also trains one finished run again, on one core. In fp32 its bits are the same on "
        "every processor; in bf16, and with --gemm openblas, on machines with the same numerics.",
    .options = option_table,
    .notes = "Exit codes: 0 valid, and the run equal; 3 a fault, or other numerics; 5 the run differs.",
    .example = "weightsweep verify quick.h5",
    .file = "results file",
    .file_target = offsetof(struct options, results)};

static void print(const struct command *command, const char *results, const struct store_verified *verified)
{
    fprintf(command->out, "%s: %lld checks passed\n", results, (long long)verified->checks);
    if (verified->rewritten)
        fprintf(command->out,
                "Another program rewrote this file: columns, curves and models match their checksums; "
                "checkpoints, and other bytes of an archive, could not be checked\n");
    if (verified->foreign.length > 0) {
        struct text visible = {0};
        text_add_visible_lines(&visible, verified->foreign.chars);
        fprintf(command->out, "Foreign objects, added by another program and not checked:%s\n",
                visible.chars);
        text_free(&visible);
    }
}

// STATUS_USAGE if --reproduce does not name a run that is done: known before the whole file is checked. A
// damaged file passes; the checks report it.
static enum status check_run(const struct options *asked)
{
    struct store_view *view = NULL;
    int64_t run;
    enum status status = probe_file_view(asked->results, &view);
    if (status != STATUS_OK)
        return STATUS_OK;
    status = results_view_find_run(view, "--reproduce", asked->reproduce, &run);
    if (status == STATUS_OK && !view->damaged[run] && view->status[run] != RUN_DONE)
        status = FAILED(STATUS_USAGE,
                        "--reproduce %s: run %s of %s is %s; expected a run that is done: `weightsweep "
                        "status %s` lists the runs, and `weightsweep run` finishes those that are left",
                        asked->reproduce, column_find(&view->columns, "run_id")->texts[run], view->path,
                        results_view_state_name((enum run_state)view->status[run]), view->path);
    store_view_close(&view);
    return status;
}

static enum status reproduce(const struct command *command, const struct options *asked)
{
    struct store_view *view = NULL;
    struct sweep *sweep = NULL;
    struct run_spec spec;
    struct reproduced reproduced;
    int64_t run;
    enum status status = STATUS_OK;
    TRY_DONE(probe_file_view(asked->results, &view));
    TRY_DONE(results_view_find_run(view, "--reproduce", asked->reproduce, &run));
    TRY_DONE(results_view_sweep(view, &sweep));
    TRY_DONE(results_view_spec(view, sweep, run, &spec));
    store_begin();
    command->start_mpi();
    TRY_DONE(numerics_setup());
    TRY_DONE(reproduce_run(view, sweep, run, asked->steps, MPI_COMM_SELF, command->err, &reproduced));
    fprintf(command->out,
            "%s: run %s trained again, %" PRId64 " steps: all %" PRId64 " values are equal (%s)%s\n",
            asked->results, spec.id, reproduced.steps, reproduced.compared,
            numerics_name(spec.model.precision),
            view->models ? "" : "; the archive has no models, so no tensors were compared");
done:
    sweep_destroy(&sweep);
    store_view_close(&view);
    return status;
}

enum status command_verify(const struct command *command, int argc, char **argv)
{
    struct options asked = {0};
    TRY(options_parse(command, &verify_usage, argc, argv, &asked));
    if (asked.steps > 0 && !asked.reproduce)
        FAIL(STATUS_USAGE, "verify: --steps needs --reproduce RUN; see `weightsweep verify --help`");
    struct store_verified verified;
    TRY(probe_file_before(asked.results, PROBE_ALL));
    if (asked.reproduce)
        TRY(check_run(&asked));
    enum status status = store_verify(asked.results, &verified);
    if (status == STATUS_OK)
        print(command, asked.results, &verified);
    text_free(&verified.foreign);
    return status == STATUS_OK && asked.reproduce ? reproduce(command, &asked) : status;
}
