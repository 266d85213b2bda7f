#include "cli/options.h"

#include "base/memory.h"
#include "base/text.h"
#include "cli/table.h"
#include "driver/extend.h"
#include "driver/forecast.h"
#include "driver/results.h"
#include "kernel/gemm.h"
#include "sweep/sweep.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_SHOWN = 40,
    RANKS_LISTED = 64,
    MAX_RANKS = 1 << 20,
};

struct options {
    const char *path;
    struct option_texts set;
    struct rank_counts {
        int count, ranks[RANKS_LISTED];
    } ranks;
    const char *throughputs; // path of --rates, or NULL
    const char *extended;    // path of --extend, or NULL
    bool timeline;
    enum table_format format;
};

struct totals {
    int64_t runs, parameters, steps, model_bytes, checkpoint_bytes, file_bytes;
    int64_t memory_bytes; // per rank, maximum over the runs
    double flops;
};

struct plan {
    const struct sweep *sweep; // with --extend: only the runs that are new or continue
    const int64_t *steps_done; // [sweep->runs], or NULL
    int64_t ended;             // runs that --extend leaves out
    const struct options *options;
    struct forecast *forecasts; // [options->ranks.count]
    struct column_table columns;
    struct totals totals;
};

// ---- options ----

static void print_settings(FILE *out)
{
    struct column_table settings;
    fputs("\nSettings of a sweep file; any may be an axis:\n", out);
    sweep_settings(&settings);
    table_print_text(&settings, out);
    column_table_free(&settings);
}

static enum status parse_ranks(const struct option *option, const char *argument, void *target)
{
    (void)option;
    struct rank_counts *ranks = target;
    ranks->count = 0;
    for (const char *c = argument;; c++) {
        char *end;
        errno = 0;
        long number = strtol(c, &end, 10);
        if (end == c || errno != 0 || number < 1 || number > MAX_RANKS || (*end != '\0' && *end != ','))
            FAIL(STATUS_USAGE, "--ranks %s: expected numbers of ranks from 1 to %d, such as 1,8,64", argument,
                 MAX_RANKS);
        if (ranks->count == RANKS_LISTED)
            FAIL(STATUS_USAGE, "--ranks %s: too many numbers; expected at most %d", argument, RANKS_LISTED);
        ranks->ranks[ranks->count++] = (int)number;
        c = end;
        if (*c == '\0')
            return STATUS_OK;
    }
}

#define TARGET(member) offsetof(struct options, member)

static const struct option option_table[] = {
    {0, "set", "KEY=VALUE", "override a setting of the file; VALUE in YAML, a list makes an axis; repeatable",
     option_texts, TARGET(set)},
    {0, "ranks", "N[,N...]", "predict time and efficiency on N ranks by simulating the scheduler",
     parse_ranks, TARGET(ranks)},
    {0, "rates", "FILE",
     "measured throughput: output of `bench --format json`, or a results file of similar runs; default: 80 "
     "GFLOP/s per rank",
     option_text, TARGET(throughputs)},
    {0, "extend", "RESULTS.h5",
     "price only the runs and steps that `run --grow` would add to this results file", option_text,
     TARGET(extended)},
    {0, "timeline", NULL, "draw which ranks train which run at which time (with one N)", option_flag,
     TARGET(timeline)},
    {0, "format", "table|csv|json", "csv: the runs; json: runs and totals (table)", option_choice,
     TARGET(format)},
    {0}};

const struct usage plan_usage = {
    .name = "plan",
    .summary = "list the runs of a sweep and their costs",
    .synopsis = "weightsweep plan SWEEP.yaml [--set KEY=VALUE]... [--ranks N[,N...]] [--rates FILE]\n"
                "                 [--extend RESULTS.h5] [--timeline] [--format table|csv|json]",
    .description = "Checks a sweep file and lists its runs with their ids and costs. Trains nothing and "
                   "needs no mpirun.",
    .options = option_table,
    .notes = "r2 and the curves are scored on pairs without noise, with training.noise too. "
             "evaluation.refine takes the first N held-out sets, N = evaluation.direct_fit, or the first "
             "1,024 where direct_fit is 0.",
    .example = "weightsweep plan sweeps/quick.yaml --set steps=5000 --set seed='[1, 2, 3]' --ranks 2,8",
    .print_more = print_settings,
    .file = "sweep file",
    .file_target = TARGET(path)};

// ---- costs ----

static double flops_left(const struct plan *plan, int64_t run)
{
    return run_flops_left(&plan->sweep->run[run], plan->steps_done ? plan->steps_done[run] : 0);
}

static void add_costs(struct plan *plan)
{
    const struct sweep *sweep = plan->sweep;
    struct totals *totals = &plan->totals;
    totals->runs = sweep->runs;
    for (int64_t i = 0; i < sweep->runs; i++) {
        const struct run_cost *cost = &sweep->run[i].cost;
        totals->parameters += cost->parameters;
        totals->steps += sweep->run[i].training.steps - (plan->steps_done ? plan->steps_done[i] : 0);
        totals->flops += flops_left(plan, i);
        totals->model_bytes += cost->model_bytes;
        totals->checkpoint_bytes += cost->checkpoint_bytes;
        if (cost->memory_bytes > totals->memory_bytes)
            totals->memory_bytes = cost->memory_bytes;
    }
}

// ---- printing ----

// Fills the table that is printed: for the first runs the id, the settings that vary, and the costs.
static void make_view(const struct plan *plan, struct column_table *view)
{
    *view = (struct column_table){.rows = plan->columns.rows < ROWS_SHOWN ? plan->columns.rows : ROWS_SHOWN};
    for (int i = 0; i < plan->columns.count; i++) {
        const struct column *column = &plan->columns.columns[i];
        if (strcmp(column->name, "parameters") == 0)
            break; // costs come after the settings
        if (i == 0 || column_varies(column, plan->columns.rows))
            column_copy(view, column, NULL);
    }
    int64_t *parameters = column_add(view, "parameters", COLUMN_INT, "1", "parameters of the model")->ints;
    double *step = column_add(view, "GFLOP/step", COLUMN_REAL, "GFLOP", "GFLOP per training step")->reals;
    double *total = column_add(view, "TFLOP", COLUMN_REAL, "TFLOP", "TFLOP of the run")->reals;
    double *memory = column_add(view, "MB/rank", COLUMN_REAL, "MB", "memory per rank")->reals;
    for (int64_t row = 0; row < view->rows; row++) {
        const struct run_cost *cost = &plan->sweep->run[row].cost;
        parameters[row] = cost->parameters;
        step[row] = cost->flops_per_step / 1e9;
        total[row] = flops_left(plan, row) / 1e12;
        memory[row] = (double)cost->memory_bytes / 1e6;
    }
}

static void print_duration(double seconds, FILE *out)
{
    if (seconds < 120)
        fprintf(out, "%.3g s", seconds);
    else if (seconds < 2 * 3600)
        fprintf(out, "%.3g min", seconds / 60);
    else if (seconds < 2 * 86400)
        fprintf(out, "%.3g h", seconds / 3600);
    else
        fprintf(out, "%.4g days", seconds / 86400);
}

static void print_bytes(double bytes, FILE *out)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
    int unit = 0;
    for (bytes /= 1e3; bytes >= 1000 && unit < 4; unit++)
        bytes /= 1e3;
    fprintf(out, "%.3g %s", bytes, units[unit]);
}

static void print_forecasts(const struct plan *plan, FILE *out)
{
    const struct forecast *forecast = plan->forecasts;
    for (int i = 0; i < plan->options->ranks.count; i++) {
        fprintf(out, "%d rank%s: ", forecast[i].ranks, text_plural(forecast[i].ranks));
        print_duration(forecast[i].seconds, out);
        fprintf(out, ", efficiency %.0f %%\n", 100 * forecast[i].efficiency);
    }
    if (plan->options->ranks.count > 0 && plan->options->throughputs)
        fprintf(out, "(simulated, with the throughput of %s)\n", plan->options->throughputs);
    else if (plan->options->ranks.count > 0)
        fprintf(out, "(simulated, assuming %.0f GFLOP/s per rank; --rates FILE uses measured throughput)\n",
                throughput_assumed / 1e9);
}

static void print_extension(const struct plan *plan, FILE *out)
{
    int64_t continued = 0;
    if (!plan->options->extended)
        return;
    for (int64_t i = 0; i < plan->sweep->runs; i++)
        continued += plan->steps_done[i] > 0;
    fprintf(out, "added to %s: %lld new, %lld to continue; %lld of the sweep's %lld runs have ended there\n",
            plan->options->extended, (long long)(plan->sweep->runs - continued), (long long)continued,
            (long long)plan->ended, (long long)(plan->sweep->runs + plan->ended));
}

static void print_text(const struct plan *plan, FILE *out)
{
    struct column_table view;
    const struct totals *totals = &plan->totals;
    make_view(plan, &view);
    table_print_text(&view, out);
    if (view.rows < totals->runs)
        fprintf(out, "... and %lld more (--format csv lists all)\n", (long long)(totals->runs - view.rows));
    column_table_free(&view);
    fprintf(out, "\n%lld run%s, %.4g TFLOP, results file ", (long long)totals->runs,
            text_plural(totals->runs), totals->flops / 1e12);
    print_bytes((double)totals->file_bytes, out);
    fputs(", memory at most ", out);
    print_bytes((double)totals->memory_bytes, out);
    fputs(" per rank\n", out);
    print_extension(plan, out);
    print_forecasts(plan, out);
    if (plan->options->timeline)
        forecast_draw(&plan->forecasts[0], plan->sweep, out);
    gemm_setup();
    if (results_has_precision(plan->sweep, PRECISION_BF16) && gemm_bf16_fallback_reason())
        fprintf(out, "note: bf16 is emulated in fp32 here, same rounding but slower: %s\n",
                gemm_bf16_fallback_reason());
}

static void print_json(const struct plan *plan, FILE *out)
{
    const struct totals *totals = &plan->totals;
    fputs("{\"runs\": ", out);
    table_print_json(&plan->columns, out);
    fprintf(out,
            ",\n\"totals\": {\"runs\": %lld, \"parameters\": %lld, \"steps\": %lld, \"flops\": %.17g, "
            "\"model_bytes\": %lld, \"checkpoint_bytes\": %lld, \"file_bytes\": %lld, \"memory_bytes\": "
            "%lld, \"assumed_flops_per_second\": %.17g, \"ranks\": [",
            (long long)totals->runs, (long long)totals->parameters, (long long)totals->steps, totals->flops,
            (long long)totals->model_bytes, (long long)totals->checkpoint_bytes,
            (long long)totals->file_bytes, (long long)totals->memory_bytes, throughput_assumed);
    for (int i = 0; i < plan->options->ranks.count; i++)
        fprintf(out, "%s{\"ranks\": %d, \"seconds\": %.17g, \"efficiency\": %.17g, \"bound_seconds\": %.17g}",
                i > 0 ? ", " : "", plan->forecasts[i].ranks, plan->forecasts[i].seconds,
                plan->forecasts[i].efficiency, plan->forecasts[i].bound_seconds);
    fputs("]}", out);
    if (plan->options->timeline) {
        struct column_table timeline;
        forecast_timeline(&plan->forecasts[0], plan->sweep, &timeline);
        fputs(",\n\"timeline\": ", out);
        table_print_json(&timeline, out);
        column_table_free(&timeline);
    }
    fputs("}\n", out);
}

static void print_csv(const struct plan *plan, const struct command *command)
{
    if (plan->options->timeline) {
        struct column_table timeline;
        forecast_timeline(&plan->forecasts[0], plan->sweep, &timeline);
        table_print_csv(&timeline, command->out);
        column_table_free(&timeline);
    } else {
        table_print_csv(&plan->columns, command->out);
    }
    print_forecasts(plan, command->err); // not part of the CSV
}

static enum status print_plan(const struct command *command, const struct options *options,
                              const struct sweep *sweep)
{
    struct throughputs throughputs = {0};
    struct forecast forecasts[RANKS_LISTED];
    struct plan plan = {.sweep = sweep, .options = options, .forecasts = forecasts};
    struct sweep left = {0};
    int64_t *steps = NULL;
    enum status status = STATUS_OK;
    TRY_DONE(results_bytes(sweep, &plan.totals.file_bytes));
    TRY_DONE(throughput_read(options->throughputs, &throughputs));
    if (options->extended) {
        steps = memory_small((size_t)sweep->runs * sizeof *steps);
        TRY_DONE(extend_remaining(options->extended, sweep, &left, steps));
        plan.sweep = &left;
        plan.steps_done = steps;
        plan.ended = sweep->runs - left.runs;
    }
    add_costs(&plan);
    sweep_columns(plan.sweep, &plan.columns);
    for (int i = 0; i < options->ranks.count; i++)
        forecast_make(plan.sweep, plan.steps_done, &throughputs, options->ranks.ranks[i], options->timeline,
                      &forecasts[i]);
    switch (options->format) {
    case TABLE_TEXT:
        print_text(&plan, command->out);
        break;
    case TABLE_CSV:
        print_csv(&plan, command);
        break;
    case TABLE_JSON:
        print_json(&plan, command->out);
    }
    for (int i = 0; i < options->ranks.count; i++)
        simulate_free(&forecasts[i].simulation);
done:
    column_table_free(&plan.columns);
    throughput_free(&throughputs);
    free(left.run);
    free(steps);
    return status;
}

enum status command_plan(const struct command *command, int argc, char **argv)
{
    enum status status = STATUS_OK;
    struct options asked = {.format = TABLE_TEXT};
    struct sweep *sweep = NULL;
    char *text = NULL;
    TRY_DONE(options_parse(command, &plan_usage, argc, argv, &asked));
    if (asked.timeline && asked.ranks.count != 1)
        FAIL_DONE(STATUS_USAGE, "plan --timeline: expected --ranks with one number of ranks");
    TRY_DONE(sweep_read(asked.path, &text));
    TRY_DONE(sweep_create(asked.path, text, asked.set.count, asked.set.values, &sweep));
    fputs(sweep->notes, command->err);
    TRY_DONE(print_plan(command, &asked, sweep));
done:
    sweep_destroy(&sweep);
    free(text);
    free(asked.set.values);
    return status;
}
