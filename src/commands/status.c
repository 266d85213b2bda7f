#include "commands/commands.h"
#include "commands/table.h"
#include "commands/view_table.h"

#include <getopt.h>
#include <stdbool.h>
#include <unistd.h>

static const char help[] =
    "usage: weightsweep status RESULTS.h5 [--follow] [--format table|json]\n"
    "\n"
    "What is done, running and left of a sweep, also while it runs.\n"
    "\n"
    "  --follow               again every two seconds, until nobody writes the file any more\n"
    "  --format table|json    (table)\n"
    "\n"
    "example: weightsweep status quick.h5\n";

enum { STATUSES = RUN_FAILED + 1, TABLE_ROWS = 40, FOLLOW_SECONDS = 2 };

struct summary {
    int64_t total, count[STATUSES];
    double fraction; // of all FLOPs
};

static struct summary summarise(const struct store_view *view, bool live)
{
    struct summary summary = {.total = view->runs};
    const struct column *steps = column_find(&view->columns, "steps"),
                        *done = column_find(&view->columns, "steps_done");
    const struct column *flops = column_find(&view->columns, "flops_per_step");
    double all = 0, finished = 0;
    for (int64_t run = 0; run < view->runs; run++) {
        enum run_status status = view_status(view, run, live);
        summary.count[status]++;
        bool left = status == RUN_PENDING || status == RUN_RUNNING;
        double cost = (flops->type == COLUMN_INT ? (double)flops->ints[run] : flops->reals[run]);
        all += cost * (double)steps->ints[run];
        finished += cost * (double)(left ? done->ints[run] : steps->ints[run]);
    }
    summary.fraction = all > 0 ? finished / all : 0;
    return summary;
}

static void make_table(const struct store_view *view, bool live, int64_t rows, struct column_table *table)
{
    static const char *const columns[] = {"steps_done", "steps",        "loss_ema", "r2",
                                          "r2_stderr",  "wall_seconds", "message"};
    table->rows = rows;
    view_copy_column(table, view, "run_id");
    view_add_status(table, view, live);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        view_copy_column(table, view, columns[i]);
}

static void print_json(const struct summary *summary, const struct column_table *table, FILE *out)
{
    fprintf(out, "{\"total\": %lld", (long long)summary->total);
    for (int status = 0; status < STATUSES; status++)
        fprintf(out, ", \"%s\": %lld", view_status_name((enum run_status)status),
                (long long)summary->count[status]);
    fprintf(out, ", \"fraction\": %.6f, \"runs\": ", summary->fraction);
    table_print_json(table, out);
    fputs("}\n", out);
}

static void print_text(const char *path, const struct summary *summary, const struct column_table *table,
                       FILE *out)
{
    fprintf(out, "%lld runs, %.1f %% of the work done:", (long long)summary->total, 100 * summary->fraction);
    static const enum run_status order[] = {RUN_DONE, RUN_RUNNING, RUN_PENDING, RUN_DIVERGED, RUN_FAILED};
    for (int i = 0; i < STATUSES; i++)
        if (summary->count[order[i]] > 0)
            fprintf(out, " %lld %s", (long long)summary->count[order[i]], view_status_name(order[i]));
    fputs("\n\n", out);
    table_print_text(table, out);
    if (summary->total > table->rows)
        fprintf(out, "... and %lld more runs; `weightsweep export %s --runs` lists all\n",
                (long long)(summary->total - table->rows), path);
}

static enum status show(const struct command *command, const char *path, enum table_format format,
                        bool follow, bool *live)
{
    struct store_view *view = NULL;
    *live = store_lock_held(path); // before the file: a run that ends in between is then shown as it was
    TRY(store_view_open(path, &view));
    struct summary summary = summarise(view, *live);
    struct column_table table = {0};
    make_table(view, *live, format == TABLE_TEXT && view->runs > TABLE_ROWS ? TABLE_ROWS : view->runs,
               &table);
    if (follow && format == TABLE_TEXT && isatty(fileno(command->out)))
        fputs("\033[H\033[J", command->out);
    if (format == TABLE_JSON)
        print_json(&summary, &table, command->out);
    else
        print_text(path, &summary, &table, command->out);
    fflush(command->out);
    column_table_free(&table);
    store_view_close(&view);
    return STATUS_OK;
}

enum status command_status(const struct command *command, int argc, char **argv)
{
    enum { FORMAT = 1, FOLLOW };
    static const struct option known[] = {{"format", required_argument, NULL, FORMAT},
                                          {"follow", no_argument, NULL, FOLLOW},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    enum table_format format = TABLE_TEXT;
    bool follow = false, live = false;
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, ":h", known, NULL)) != -1;)
        switch (option) {
        case FORMAT:
            TRY(table_format_of(optarg, &format));
            if (format == TABLE_CSV)
                FAIL(STATUS_USAGE,
                     "status --format csv: expected `table` or `json`; `weightsweep export` writes csv");
            break;
        case FOLLOW:
            follow = true;
            break;
        case 'h':
            fputs(help, command->out);
            return STATUS_OK;
        default:
            return command_bad_option("status", option, argv[optind - 1]);
        }
    if (argc - optind != 1)
        FAIL(STATUS_USAGE, "status: expected one results file; see `weightsweep status --help`");
    TRY(show(command, argv[optind], format, follow, &live));
    while (follow && live) {
        sleep(FOLLOW_SECONDS);
        TRY(show(command, argv[optind], format, follow, &live));
    }
    return STATUS_OK;
}
