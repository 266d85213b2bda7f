#include "commands/commands.h"
#include "commands/export_tables.h"
#include "commands/look.h"
#include "commands/model_file.h"
#include "commands/table.h"
#include "commands/view_table.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>

static const char help[] =
    "usage: weightsweep export RESULTS.h5 --runs|--curves|--timeline [--format csv|json]\n"
    "       weightsweep export RESULTS.h5 --model RUN -o FILE.npz|FILE.safetensors\n"
    "       weightsweep export RESULTS.h5 --archive [--no-models] -o FILE.h5\n"
    "\n"
    "Parts of a results file, also while it is being written: tables on standard output, a model or an "
    "archive as a file.\n"
    "\n"
    "  --runs               a row for each run: settings, status, outcomes\n"
    "  --curves             a row for each point of each run's curves\n"
    "  --timeline           a row for each stretch of ranks that worked on a run: who did what, when\n"
    "  --format csv|json    of the tables (csv)\n"
    "  --model RUN          the parameters of a finished run, for NumPy or PyTorch; RUN is its id or the "
    "id's beginning\n"
    "  --archive            the same file without checkpoints, compressed: every reader takes it, `run` "
    "cannot continue it\n"
    "  --no-models          leave the models out of the archive too\n"
    "  -o, --output FILE    written beside its name and renamed; an earlier model or archive is replaced\n"
    "\n"
    "example: weightsweep export quick.h5 --runs > quick.csv\n";

enum what { NOTHING, RUNS, CURVES, TIMELINE, MODEL, ARCHIVE };

struct options {
    enum what what;
    enum table_format format;
    bool format_given, no_models;
    const char *run, *output, *results;
};

static enum status print_table(const struct command *command, const struct store_view *view,
                               const struct options *options, bool live)
{
    struct column_table table = {0};
    enum status status = STATUS_OK;
    if (options->what == CURVES)
        TRY_DONE(export_curves(view, &table));
    else if (options->what == TIMELINE)
        TRY_DONE(export_timeline(view, &table));
    else
        export_runs(view, live, &table);
    if (options->format == TABLE_JSON) {
        table_print_json(&table, command->out);
        fputs("\n", command->out);
    } else {
        table_print_csv(&table, command->out);
    }
done:
    column_table_free(&table);
    return status;
}

// Their numbers were left out.
static enum status check_damaged(const struct store_view *view)
{
    int64_t damaged = 0;
    for (int64_t run = 0; run < view->runs; run++)
        damaged += view->damaged[run];
    if (damaged > 0)
        FAIL(
            STATUS_RESULTS,
            "%s is damaged: the numbers of %lld finished run%s do not match their checksum and are left out; "
            "`weightsweep run` does them again, `weightsweep verify` names them",
            view->path, (long long)damaged, damaged == 1 ? "" : "s");
    return STATUS_OK;
}

static enum status write_model(const struct store_view *view, const struct options *options)
{
    struct store_parameters *parameters = NULL;
    int64_t run;
    TRY(view_find_run(view, options->run, &run));
    TRY(view_read_model(view, run, &parameters));
    enum status status = model_file_write(options->output, parameters);
    store_parameters_free(&parameters);
    return status;
}

static const char one_of[] = "export: expected one of --runs, --curves, --timeline, --model and --archive; "
                             "see `weightsweep export --help`";

static enum status ask(struct options *options, enum what what)
{
    if (options->what != NOTHING && options->what != what)
        FAIL(STATUS_USAGE, "%s", one_of);
    options->what = what;
    return STATUS_OK;
}

static enum status check(const struct options *options)
{
    bool file = options->what == MODEL || options->what == ARCHIVE;
    if (options->what == NOTHING)
        FAIL(STATUS_USAGE, "%s", one_of);
    if (file && !options->output)
        FAIL(STATUS_USAGE, "export --%s: expected -o FILE", options->what == MODEL ? "model" : "archive");
    if (!file && options->output)
        FAIL(STATUS_USAGE, "export -o belongs to --model and --archive; tables go to standard output");
    if (file && options->format_given)
        FAIL(STATUS_USAGE,
             "export --format belongs to the tables; a model's format follows from its file's name");
    if (options->no_models && options->what != ARCHIVE)
        FAIL(STATUS_USAGE, "export --no-models belongs to --archive");
    return options->what == MODEL ? model_file_check(options->output) : STATUS_OK;
}

// *help_wanted: nothing else is asked for.
static enum status parse(int argc, char **argv, struct options *options, bool *help_wanted)
{
    enum { FORMAT = ARCHIVE + 1, NO_MODELS };
    static const struct option known[] = {{"runs", no_argument, NULL, RUNS},
                                          {"curves", no_argument, NULL, CURVES},
                                          {"timeline", no_argument, NULL, TIMELINE},
                                          {"model", required_argument, NULL, MODEL},
                                          {"archive", no_argument, NULL, ARCHIVE},
                                          {"format", required_argument, NULL, FORMAT},
                                          {"no-models", no_argument, NULL, NO_MODELS},
                                          {"output", required_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    *options = (struct options){.format = TABLE_CSV};
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, ":ho:", known, NULL)) != -1;)
        switch (option) {
        case MODEL:
            options->run = optarg;
            // fall through
        case RUNS:
        case CURVES:
        case TIMELINE:
        case ARCHIVE:
            TRY(ask(options, (enum what)option));
            break;
        case FORMAT:
            options->format_given = true;
            TRY(table_format_of(optarg, &options->format));
            if (options->format == TABLE_TEXT)
                FAIL(STATUS_USAGE,
                     "export --format table: expected `csv` or `json`; `weightsweep status` prints a table");
            break;
        case NO_MODELS:
            options->no_models = true;
            break;
        case 'o':
            options->output = optarg;
            break;
        case 'h':
            *help_wanted = true;
            return STATUS_OK;
        default:
            return command_bad_option("export", option, argv[optind - 1]);
        }
    if (argc - optind != 1)
        FAIL(STATUS_USAGE, "export: expected one results file; see `weightsweep export --help`");
    options->results = argv[optind];
    return check(options);
}

enum status command_export(const struct command *command, int argc, char **argv)
{
    struct options options;
    struct store_view *view = NULL;
    bool help_wanted = false;
    TRY(parse(argc, argv, &options, &help_wanted));
    if (help_wanted) {
        fputs(help, command->out);
        return STATUS_OK;
    }
    bool live = store_lock_held(
        options.results); // before the file: a run that ends in between is then shown as it was
    bool all = options.what == MODEL || options.what == ARCHIVE;
    TRY(look_open(options.results, all ? LOOK_ALL : LOOK_COLUMNS, &view));
    enum status status;
    if (options.what == MODEL)
        status = write_model(view, &options);
    else if (options.what == ARCHIVE)
        status = store_archive(view, options.output, !options.no_models);
    else
        status = print_table(command, view, &options, live);
    if (status == STATUS_OK && options.what == RUNS)
        status = check_damaged(view);
    store_view_close(&view);
    return status;
}
