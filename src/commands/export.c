#include "base/memory.h"
#include "commands/commands.h"
#include "commands/table.h"
#include "commands/view_table.h"

#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static const char help[] =
    "usage: weightsweep export RESULTS.h5 --runs|--curves|--timeline [--format csv|json]\n"
    "\n"
    "Tables of a results file on standard output, also while it is being written.\n"
    "\n"
    "  --runs               a row for each run: settings, status, outcomes\n"
    "  --curves             a row for each point of each run's curves\n"
    "  --timeline           a row for each stretch of ranks that worked on a run: who did what, when\n"
    "  --format csv|json    (csv)\n"
    "\n"
    "example: weightsweep export quick.h5 --runs > quick.csv\n";

static void make_runs(const struct store_view *view, bool live, struct column_table *table)
{
    table->rows = view->runs;
    for (int i = 0; i < view->settings; i++)
        view_copy_column(table, view, view->columns.columns[i].name);
    view_add_status(table, view, live);
    for (int i = view->settings; i < view->settings + view->outcomes; i++)
        view_copy_column(table, view, view->columns.columns[i].name);
    view_copy_column(table, view, "message");
    view_copy_column(table, view, "arithmetic");
}

/* The curves of one run. */
struct curves {
    int64_t *step; // [points]; -1: not reached
    double *loss, *r2, *seconds;
};

static void curves_init(struct curves *curves, int64_t points)
{
    size_t count = (size_t)points;
    curves->step = memory_small(count * sizeof *curves->step);
    curves->loss = memory_small(count * sizeof *curves->loss);
    curves->r2 = memory_small(count * sizeof *curves->r2);
    curves->seconds = memory_small(count * sizeof *curves->seconds);
}

static void curves_free(struct curves *curves)
{
    free(curves->step);
    free(curves->loss);
    free(curves->r2);
    free(curves->seconds);
}

static enum status read_run(const struct store_view *view, int64_t run, struct curves *curves,
                            int64_t *reached)
{
    TRY(store_view_curves(view, run, curves->step, curves->loss, curves->r2, curves->seconds));
    for (*reached = 0; *reached < view->points && curves->step[*reached] >= 0;)
        ++*reached;
    return STATUS_OK;
}

static void add_points(struct column_table *table, int64_t row, const char *id, const struct curves *curves,
                       int64_t points)
{
    struct column *column = table->columns;
    for (int64_t i = 0; i < points; i++, row++) {
        column[0].texts[row] = memory_text(id);
        column[1].ints[row] = curves->step[i];
        column[2].reals[row] = curves->loss[i];
        column[3].reals[row] = curves->r2[i];
        column[4].reals[row] = curves->seconds[i];
    }
}

// Read twice, to count and to fill: only what was reached takes memory. A file that is being written may have grown in between.
static enum status make_points(const struct store_view *view, struct column_table *table)
{
    enum status status = STATUS_OK;
    struct curves curves;
    int64_t *count = memory_small((size_t)view->runs * sizeof *count), reached, row = 0;
    curves_init(&curves, view->points);
    for (int64_t run = 0; run < view->runs; run++) {
        TRY_DONE(read_run(view, run, &curves, &count[run]));
        table->rows += count[run];
    }
    column_add(table, "run_id", COLUMN_TEXT, "1", "run");
    column_add(table, "curve_step", COLUMN_INT, "steps", "training step");
    column_add(table, "curve_loss", COLUMN_REAL, "1", "training loss, exponential moving average");
    column_add(table, "curve_r2", COLUMN_REAL, "1", "R^2 on held-out generators");
    column_add(table, "curve_seconds", COLUMN_REAL, "s", "time since the run's first step");
    const struct column *ids = column_find(&view->columns, "run_id");
    for (int64_t run = 0; run < view->runs; run++) {
        TRY_DONE(read_run(view, run, &curves, &reached));
        add_points(table, row, ids->texts[run], &curves, count[run]);
        row += count[run];
    }
done:
    curves_free(&curves);
    free(count);
    return status;
}

static enum status make_timeline(const struct store_view *view, struct column_table *table)
{
    struct store_stretch *stretches;
    TRY(store_view_timeline(view, &stretches, &table->rows));
    column_add(table, "run_id", COLUMN_TEXT, "1", "run");
    column_add(table, "first_rank", COLUMN_INT, "1", "first of the ranks");
    column_add(table, "ranks", COLUMN_INT, "1", "how many, one after the other");
    column_add(table, "from_step", COLUMN_INT, "steps", "steps done when they began");
    column_add(table, "to_step", COLUMN_INT, "steps", "steps done when they ended");
    column_add(table, "start_seconds", COLUMN_REAL, "s", "when they began");
    column_add(table, "end_seconds", COLUMN_REAL, "s", "when they ended");
    const struct column *ids = column_find(&view->columns, "run_id");
    for (int64_t row = 0; row < table->rows; row++) {
        const struct store_stretch *stretch = &stretches[row];
        struct column *column = table->columns;
        column[0].texts[row] = memory_text(ids->texts[stretch->run]);
        column[1].ints[row] = stretch->first_rank;
        column[2].ints[row] = stretch->ranks;
        column[3].ints[row] = stretch->from_step;
        column[4].ints[row] = stretch->to_step;
        column[5].reals[row] = stretch->start_seconds;
        column[6].reals[row] = stretch->end_seconds;
    }
    free(stretches);
    return STATUS_OK;
}

enum content { NOTHING, RUNS, CURVES, TIMELINE };

static enum status print(const struct command *command, const struct store_view *view, enum content content,
                         bool live, enum table_format format)
{
    struct column_table table = {0};
    enum status status = STATUS_OK;
    if (content == CURVES)
        TRY_DONE(make_points(view, &table));
    else if (content == TIMELINE)
        TRY_DONE(make_timeline(view, &table));
    else
        make_runs(view, live, &table);
    if (format == TABLE_JSON) {
        table_print_json(&table, command->out);
        fputs("\n", command->out);
    } else {
        table_print_csv(&table, command->out);
    }
done:
    column_table_free(&table);
    return status;
}

enum status command_export(const struct command *command, int argc, char **argv)
{
    enum { FORMAT = TIMELINE + 1, LATER };
    static const struct option known[] = {{"runs", no_argument, NULL, RUNS},
                                          {"curves", no_argument, NULL, CURVES},
                                          {"format", required_argument, NULL, FORMAT},
                                          {"timeline", no_argument, NULL, TIMELINE},
                                          {"model", required_argument, NULL, LATER},
                                          {"archive", no_argument, NULL, LATER},
                                          {"no-models", no_argument, NULL, LATER},
                                          {"output", required_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    enum table_format format = TABLE_CSV;
    enum content content = NOTHING;
    bool several = false;
    optind = 0;
    for (int option, index = 0; (option = getopt_long(argc, argv, ":ho:", known, &index)) != -1;)
        switch (option) {
        case RUNS:
        case CURVES:
        case TIMELINE:
            several |= content != NOTHING && content != (enum content)option;
            content = (enum content)option;
            break;
        case FORMAT:
            TRY(table_format_of(optarg, &format));
            if (format == TABLE_TEXT)
                FAIL(STATUS_USAGE,
                     "export --format table: expected `csv` or `json`; `weightsweep status` prints a table");
            break;
        case LATER:
            FAIL(STATUS_USAGE, "export --%s is not there yet; expected --runs, --curves or --timeline",
                 known[index].name);
        case 'o':
            FAIL(STATUS_USAGE, "export -o belongs to --model and --archive, which are not there yet; --runs "
                               "and --curves go to "
                               "standard output");
        case 'h':
            fputs(help, command->out);
            return STATUS_OK;
        default:
            return command_bad_option("export", option, argv[optind - 1]);
        }
    if (argc - optind != 1)
        FAIL(STATUS_USAGE, "export: expected one results file; see `weightsweep export --help`");
    if (content == NOTHING || several)
        FAIL(STATUS_USAGE,
             "export: expected one of --runs, --curves and --timeline; see `weightsweep export --help`");
    struct store_view *view = NULL;
    bool live =
        store_lock_held(argv[optind]); // before the file: a run that ends in between is then shown as it was
    TRY(store_view_open(argv[optind], &view));
    enum status status = print(command, view, content, live, format);
    store_view_close(&view);
    return status;
}
