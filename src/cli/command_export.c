#include "base/memory.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/model_file.h"
#include "cli/options.h"
#include "cli/output_file.h"
#include "cli/table.h"
#include "driver/probe_file.h"
#include "driver/results_view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

struct options {
    bool runs, curves, timeline, archive, no_models;
    int format; // of a table: enum format
    const char *model, *output;
    struct option_texts results;
};

enum format { FORMAT_DEFAULT = -1, FORMAT_CSV, FORMAT_JSON }; // the choices of --format

#define TARGET(member) offsetof(struct options, member)

static const struct option option_table[] = {
    {0, "runs", NULL, "one row per run: settings, status, outcomes", option_flag, TARGET(runs)},
    {0, "curves", NULL, "one row per point of each run's curves", option_flag, TARGET(curves)},
    {0, "timeline", NULL, "one row per interval in which a group of ranks worked on a run", option_flag,
     TARGET(timeline)},
    {0, "format", "csv|json", "format of the tables (csv); `weightsweep status` prints a table",
     option_choice, TARGET(format)},
    {0, "model", "RUN",
     "the parameters of a finished run, for NumPy or PyTorch; RUN is the run's id, the beginning of the id, "
     "conditions that select one run, such as unknowns=15,seed=1, or best: the run with the smallest seed of "
     "the best setting; best,unknowns=50 where there are several cases",
     option_text, TARGET(model)},
    {0, "archive", NULL,
     "a compressed copy without checkpoints; all readers accept it, but `run` cannot continue it",
     option_flag, TARGET(archive)},
    {0, "no-models", NULL, "write the archive without models", option_flag, TARGET(no_models)},
    {'o', "output", "FILE",
     "file of the model or the archive. An earlier output of the same kind is replaced; any other existing "
     "file is refused (exit code 2)",
     option_text, TARGET(output)},
    {0}};

const struct usage export_usage = {
    .name = "export",
    .summary = "write tables, a model or an archive of a results file",
    .synopsis = "weightsweep export RESULTS.h5... --runs|--curves|--timeline [--format csv|json]\n"
                "weightsweep export RESULTS.h5 --model RUN -o FILE.npz|FILE.safetensors\n"
                "weightsweep export RESULTS.h5 --archive [--no-models] -o FILE.h5",
    .description = "Writes a part of a results file, also while the file is being written: tables to "
                   "standard output, a model or an archive to a file. The tables of several files follow "
                   "each other as one table, with the file's name in the first column, `file`.",
    .options = option_table,
    .example = "weightsweep export quick.h5 --runs > quick.csv",
    .file = "results file",
    .several = true,
    .file_target = TARGET(results)};

static enum status fill_table(const struct store_view *view, const struct options *asked, bool live,
                              struct column_table *table)
{
    if (asked->curves)
        return results_view_curves(view, table);
    if (asked->timeline)
        return results_view_timeline(view, table);
    results_view_runs(view, live, table);
    return STATUS_OK;
}

// STATUS_RESULTS if the file has damaged rows, whose values results_view_runs leaves out.
static enum status check_damaged(const struct store_view *view)
{
    int64_t damaged = 0;
    for (int64_t run = 0; run < view->runs; run++)
        damaged += view->damaged[run];
    if (damaged > 0)
        FAIL(STATUS_RESULTS,
             "%s is damaged: the values of %lld finished run%s do not match their checksum and are left out; "
             "`weightsweep run` repeats the runs, `weightsweep verify` lists them",
             view->path, (long long)damaged, text_plural(damaged));
    return STATUS_OK;
}

// *damaged: the status of check_damaged for the first damaged file.
static enum status read_table(const char *path, const struct options *asked, struct column_table *table,
                              enum status *damaged)
{
    struct store_view *view = NULL;
    bool live = store_lock_held(path); // tested before the file is read: a run may end in between
    TRY(probe_file_open(path, PROBE_COLUMNS, &view));
    enum status status = fill_table(view, asked, live, table);
    if (status == STATUS_OK && asked->runs && *damaged == STATUS_OK)
        *damaged = check_damaged(view);
    store_view_close(&view);
    return status;
}

static void print_table(const struct command *command, const struct column_table *table, int format)
{
    if (format == FORMAT_JSON) {
        table_print_json(table, command->out);
        fputs("\n", command->out);
    } else {
        table_print_csv(table, command->out);
    }
}

static enum status print_tables(const struct command *command, const struct options *asked)
{
    int count = asked->results.count;
    struct column_table *tables = memory_small((size_t)count * sizeof *tables), joined = {0};
    enum status status = STATUS_OK, damaged = STATUS_OK;
    for (int i = 0; i < count; i++)
        TRY_DONE(read_table(asked->results.values[i], asked, &tables[i], &damaged));
    if (count > 1)
        column_tables_join(tables, asked->results.values, count, &joined);
    print_table(command, count > 1 ? &joined : tables, asked->format);
    status = damaged;
done:
    for (int i = 0; i < count; i++)
        column_table_free(&tables[i]);
    free(tables);
    column_table_free(&joined);
    return status;
}

static enum status write_model(const struct store_view *view, const struct options *asked)
{
    struct store_parameters *parameters = NULL;
    int64_t run;
    TRY(results_view_find_run(view, "--model", asked->model, &run));
    TRY(results_view_model(view, run, &parameters));
    enum status status = model_file_write(asked->output, parameters);
    store_parameters_free(&parameters);
    return status;
}

static const char one_of[] = "export: expected one of --runs, --curves, --timeline, --model and --archive; "
                             "see `weightsweep export --help`";

static enum status is_archive(const char *path, bool *archive)
{
    struct store_view *view = NULL;
    enum status status = probe_file_open(path, PROBE_COLUMNS, &view);
    *archive = status == STATUS_OK && view->archive;
    store_view_close(&view);
    return status == STATUS_MACHINE ? status : STATUS_OK; // a damaged or foreign file is not an archive
}

static enum status check_archive(const struct options *asked)
{
    return output_check(&(struct output){.path = asked->output,
                                         .input = asked->results.values[0],
                                         .kind = "an archive",
                                         .is_ours = is_archive});
}

static enum status check(const struct options *asked)
{
    bool file = asked->model || asked->archive;
    if (asked->runs + asked->curves + asked->timeline + asked->archive + (asked->model != NULL) != 1)
        FAIL(STATUS_USAGE, "%s", one_of);
    if (file && asked->results.count > 1)
        FAIL(STATUS_USAGE, "export --%s: expected one results file, got %d; see `weightsweep export --help`",
             asked->model ? "model" : "archive", asked->results.count);
    if (file && !asked->output)
        FAIL(STATUS_USAGE, "export --%s: expected -o FILE", asked->model ? "model" : "archive");
    if (!file && asked->output)
        FAIL(STATUS_USAGE, "export -o belongs to --model and --archive; tables go to standard output");
    if (file && asked->format != FORMAT_DEFAULT)
        FAIL(STATUS_USAGE,
             "export --format belongs to the tables; a model's format follows from its file's name");
    if (asked->no_models && !asked->archive)
        FAIL(STATUS_USAGE, "export --no-models belongs to --archive");
    if (asked->model)
        return model_file_check(asked->output, asked->results.values[0]);
    return asked->archive ? check_archive(asked) : STATUS_OK;
}

static enum status write_file(const struct options *asked)
{
    struct store_view *view = NULL;
    int lock = -1;
    enum status status = STATUS_OK;
    TRY(probe_file_open(asked->results.values[0], PROBE_ALL, &view));
    TRY_DONE(store_lock_acquire(asked->output, &lock));
    if (asked->model)
        status = write_model(view, asked);
    else
        status = store_archive(view, asked->output, !asked->no_models);
done:
    store_lock_release(asked->output, &lock);
    store_view_close(&view);
    return status;
}

enum status command_export(const struct command *command, int argc, char **argv)
{
    struct options asked = {.format = FORMAT_DEFAULT};
    enum status status = options_parse(command, &export_usage, argc, argv, &asked);
    if (status == STATUS_OK)
        status = check(&asked);
    if (status == STATUS_OK)
        status = asked.output ? write_file(&asked) : print_tables(command, &asked);
    free(asked.results.values);
    return status;
}
