#include "base/memory.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/table.h"
#include "driver/display.h"
#include "driver/probe_file.h"
#include "driver/results_view.h"
#include "driver/throughput.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct options {
    const char *results;
    bool follow;
    int json; // 1: --format json
};

static const struct option option_table[] = {
    {0, "follow", NULL,
     "print the status every two seconds while a process writes the file; a terminal shows one picture in "
     "place, with the running runs first",
     option_flag, offsetof(struct options, follow)},
    {0, "format", "table|json", "output format (table); `weightsweep export` writes csv", option_choice,
     offsetof(struct options, json)},
    {0}};

const struct usage status_usage = {
    .name = "status",
    .summary = "show the state of each run",
    .synopsis = "weightsweep status RESULTS.h5 [--follow] [--format table|json]",
    .description = "Shows the state of each run of a sweep, also while the sweep runs.",
    .options = option_table,
    .example = "weightsweep status quick.h5",
    .file = "results file",
    .file_target = offsetof(struct options, results)};

enum { STATUSES = RUN_FAILED + 1, TABLE_ROWS = 40, FOLLOW_SECONDS = 2 };

struct summary {
    int64_t total, count[STATUSES];
    double fraction;     // of the predicted time of all runs; a final evaluation counts when it ends
    double seconds_left; // at the present speed of the running runs; NaN if none has a speed yet
};

// Work of a run's training and of its final evaluation: predicted seconds; only the FLOPs of the steps if the
// file's sweep cannot be read (NULL).
static void run_work(const struct store_view *view, const struct sweep *sweep, int64_t run, double *training,
                     double *final)
{
    if (sweep) {
        throughput_parts(&sweep->run[run], training, final);
    } else {
        *final = 0;
        *training = column_number(column_find(&view->columns, "steps"), run) *
                    column_number(column_find(&view->columns, "flops_per_step"), run);
    }
}

static struct summary summarise(const struct store_view *view, bool live)
{
    struct summary summary = {.total = view->runs};
    const struct column *steps = column_find(&view->columns, "steps"),
                        *done = column_find(&view->columns, "steps_done");
    struct sweep *sweep = NULL;
    if (results_view_sweep(view, &sweep) == STATUS_OK && sweep->runs != view->runs)
        sweep_destroy(&sweep);
    const double *seconds = column_find(&view->columns, "wall_seconds")->reals;
    double all = 0, finished = 0, speed = 0; // work, work, work per second
    for (int64_t run = 0; run < view->runs; run++) {
        enum run_state status = results_view_state(view, run, live);
        summary.count[status]++;
        bool left = status == RUN_PENDING || status == RUN_RUNNING;
        double training, final;
        run_work(view, sweep, run, &training, &final);
        double trained = training * (double)done->ints[run] / (double)steps->ints[run];
        all += training + final;
        finished += left ? trained : training + final;
        if (status == RUN_RUNNING && seconds[run] > 0)
            speed += trained / seconds[run];
    }
    sweep_destroy(&sweep);
    summary.fraction = all > 0 ? finished / all : 0;
    summary.seconds_left = speed > 0 ? (all - finished) / speed : NAN;
    return summary;
}

// Lists at most `max` runs by their state: running, diverged, failed, pending, done. Returns their number.
static int64_t choose_rows(const struct store_view *view, bool live, int64_t max, int64_t *rows)
{
    static const enum run_state urgent[] = {RUN_RUNNING, RUN_DIVERGED, RUN_FAILED, RUN_PENDING, RUN_DONE};
    int64_t count = 0;
    for (int i = 0; i < STATUSES; i++)
        for (int64_t run = 0; run < view->runs && count < max; run++)
            if (results_view_state(view, run, live) == urgent[i])
                rows[count++] = run;
    return count;
}

// Fills the table with the chosen runs: id, state, settings that vary, outcomes. rows [table->rows]
static void make_table(const struct store_view *view, bool live, const int64_t *rows,
                       struct column_table *table)
{
    static const char *const names[] = {"steps_done", "steps",        "loss_ema", "r2",
                                        "r2_stderr",  "wall_seconds", "message"};
    column_copy(table, column_find(&view->columns, "run_id"), rows);
    char **texts = column_add(table, "status", COLUMN_TEXT, "1", "state of the run")->texts;
    for (int64_t row = 0; row < table->rows; row++)
        texts[row] =
            memory_text(results_view_state_name(results_view_state(view, rows ? rows[row] : row, live)));
    for (int i = 0; i < view->settings; i++) {
        const struct column *column = &view->columns.columns[i];
        if (!sweep_column_follows(column->name) && strcmp(column->name, "steps") != 0 &&
            column_varies(column, view->runs))
            column_copy(table, column, rows);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct column *column = column_find(&view->columns, names[i]);
        if (column)
            column_copy(table, column, rows);
    }
}

static void print_json(const struct summary *summary, const struct column_table *table, FILE *out)
{
    fprintf(out, "{\"total\": %lld", (long long)summary->total);
    for (int status = 0; status < STATUSES; status++)
        fprintf(out, ", \"%s\": %lld", results_view_state_name((enum run_state)status),
                (long long)summary->count[status]);
    fprintf(out, ", \"fraction\": %.6f, \"runs\": ", summary->fraction);
    table_print_json(table, out);
    fputs("}\n", out);
}

static void print_text(const char *path, const struct summary *summary, const struct column_table *table,
                       FILE *out)
{
    bool left = summary->count[RUN_RUNNING] + summary->count[RUN_PENDING] > 0;
    fprintf(out, "%lld run%s, %.1f %% of the work done:", (long long)summary->total,
            text_plural(summary->total), left ? fmin(100 * summary->fraction, 99.9) : 100.0);
    static const enum run_state order[] = {RUN_DONE, RUN_RUNNING, RUN_PENDING, RUN_DIVERGED, RUN_FAILED};
    for (int i = 0; i < STATUSES; i++)
        if (summary->count[order[i]] > 0)
            fprintf(out, " %lld %s", (long long)summary->count[order[i]], results_view_state_name(order[i]));
    if (isfinite(summary->seconds_left)) {
        struct text text = {0};
        text_add_duration(&text, summary->seconds_left);
        fprintf(out, "; about %s left", text.chars);
        text_free(&text);
    }
    fputs("\n\n", out);
    table_print_text(table, out);
    int64_t more = summary->total - table->rows;
    if (more > 0)
        fprintf(out, "... and %lld more run%s; `weightsweep export %s --runs` lists all\n", (long long)more,
                text_plural(more), path);
}

// Number of runs that fit on the terminal.
static int64_t rows_on_terminal(FILE *out)
{
    enum { AROUND = 5 }; // lines above and below the runs
    struct winsize size = {0};
    ioctl(fileno(out), TIOCGWINSZ, &size);
    return size.ws_row > AROUND + 1 ? size.ws_row - AROUND : TABLE_ROWS;
}

static enum status show_text(const struct command *command, const struct store_view *view, bool follow,
                             bool live)
{
    bool screen = follow && isatty(fileno(command->out));
    struct summary summary = summarise(view, live);
    struct column_table table = {0};
    char *picture = NULL;
    size_t length;
    FILE *out = open_memstream(&picture, &length);
    if (!out)
        FAIL(STATUS_MACHINE, "no memory for a table");
    int64_t *rows = memory_small((size_t)view->runs * sizeof *rows);
    table.rows = choose_rows(view, live, screen ? rows_on_terminal(command->out) : TABLE_ROWS, rows);
    make_table(view, live, rows, &table);
    free(rows);
    print_text(view->path, &summary, &table, out);
    fclose(out);
    if (screen)
        display_draw(&(struct display){.out = command->out, .full_screen = true}, picture);
    else
        fputs(picture, command->out);
    free(picture);
    column_table_free(&table);
    return STATUS_OK;
}

static void show_json(const struct command *command, const struct store_view *view, bool live)
{
    struct summary summary = summarise(view, live);
    struct column_table table = {0};
    table.rows = view->runs;
    make_table(view, live, NULL, &table);
    print_json(&summary, &table, command->out);
    column_table_free(&table);
}

static enum status show(const struct command *command, const struct options *asked, bool *live)
{
    struct store_view *view = NULL;
    enum status status = STATUS_OK;
    *live = store_lock_held(asked->results); // tested before the file is read: a run may end in between
    TRY(probe_file_open(asked->results, PROBE_COLUMNS, &view));
    if (asked->json)
        show_json(command, view, *live);
    else
        status = show_text(command, view, asked->follow, *live);
    store_view_close(&view);
    fflush(command->out);
    return status;
}

enum status command_status(const struct command *command, int argc, char **argv)
{
    struct options asked = {0};
    bool live = false;
    TRY(options_parse(command, &status_usage, argc, argv, &asked));
    if (asked.follow && !asked.json && isatty(fileno(command->out)))
        fputs("\033[2J", command->out);
    TRY(show(command, &asked, &live));
    while (asked.follow && live && !ferror(command->out)) { // main.c reports what cannot be written
        sleep(FOLLOW_SECONDS);
        TRY(show(command, &asked, &live));
    }
    return STATUS_OK;
}
