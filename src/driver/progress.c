#include "driver/progress.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "driver/display.h"
#include "driver/throughput.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double live_seconds = 0.25, lines_seconds = 10;
enum { LIVE_RUNS = 16, LINE_RUNS = 3, BAR_WIDTH = 30 };

struct progress_run {
    int64_t steps;
    int ranks; // 0: not running
    double loss, wall_seconds, steps_per_second;
};

struct progress {
    enum progress_kind kind;
    const struct sweep *sweep;
    FILE *err;
    struct progress_run *run;          // [sweep->runs]
    char **label;                      // [sweep->runs], the id and the settings that vary
    double *training, *final;          // [sweep->runs], predicted seconds of training and final evaluation
    double total, done, done_at_start; // predicted seconds
    double final_left;                 // predicted seconds of the final evaluations that are left
    int64_t runs, finished;            // registered runs, and those that are finished
    double start, last;                // clock at the start and at the last output; last 0: print at once
    struct display display;
};

// ---- labels: the id and the settings that vary between runs ----

static char **make_labels(const struct sweep *sweep)
{
    struct column_table table = {0};
    sweep_columns(sweep, &table);
    char **label = memory_small((size_t)sweep->runs * sizeof *label);
    struct text *text = memory_small((size_t)sweep->runs * sizeof *text);
    for (int64_t run = 0; run < sweep->runs; run++)
        text_add(&text[run], sweep->run[run].id);
    for (int i = 0; i < table.count; i++) {
        const struct column *column = &table.columns[i];
        if (sweep_column_follows(column->name) || !column_varies(column, table.rows))
            continue;
        for (int64_t run = 0; run < sweep->runs; run++) {
            text_format(&text[run], " %s ", column->name);
            column_print(column, run, "-", &text[run]);
        }
    }
    for (int64_t run = 0; run < sweep->runs; run++)
        label[run] = text_take(&text[run]);
    free(text);
    column_table_free(&table);
    return label;
}

void progress_create(enum progress_kind kind, const struct sweep *sweep, FILE *err, struct progress **out)
{
    struct progress *progress = memory_small(sizeof *progress);
    if (kind == PROGRESS_AUTO)
        kind = isatty(fileno(err)) ? PROGRESS_LIVE : PROGRESS_LINES;
    const char *columns = getenv("COLUMNS");
    *progress = (struct progress){.kind = kind,
                                  .sweep = sweep,
                                  .err = err,
                                  .start = clock_seconds(),
                                  .last = clock_seconds(),
                                  .display = {.out = err, .width = columns ? atoi(columns) : 0}};
    size_t runs = (size_t)sweep->runs;
    progress->run = memory_small(runs * sizeof *progress->run);
    progress->training = memory_small(runs * sizeof *progress->training);
    progress->final = memory_small(runs * sizeof *progress->final);
    for (size_t run = 0; run < runs; run++) {
        throughput_parts(&sweep->run[run], &progress->training[run], &progress->final[run]);
        progress->run[run].loss = NAN;
    }
    progress->label = kind == PROGRESS_NONE ? NULL : make_labels(sweep);
    *out = progress;
}

void progress_destroy(struct progress **out)
{
    struct progress *progress = *out;
    if (!progress)
        return;
    for (int64_t run = 0; progress->label && run < progress->sweep->runs; run++)
        free(progress->label[run]);
    free(progress->label);
    free(progress->run);
    free(progress->training);
    free(progress->final);
    free(progress);
    *out = NULL;
}

// ---- reports ----

static int64_t steps_of(const struct progress *progress, int64_t run)
{
    return progress->sweep->run[run].training.steps;
}

// Sets the steps of a run that are done, and adds their predicted seconds.
static void set_steps(struct progress *progress, int64_t run, int64_t steps)
{
    double share = (double)(steps - progress->run[run].steps) / (double)steps_of(progress, run);
    progress->done += progress->training[run] * share;
    progress->run[run].steps = steps;
}

void progress_begin(struct progress *progress, int64_t run, int64_t steps, bool left)
{
    if (!left)
        steps = steps_of(progress, run);
    progress->run[run].steps = steps;
    progress->runs++;
    progress->finished += !left;
    progress->total += progress->training[run] + progress->final[run];
    progress->done += progress->training[run] * (double)steps / (double)steps_of(progress, run);
    if (left)
        progress->final_left += progress->final[run];
    else
        progress->done += progress->final[run];
    progress->done_at_start = progress->done;
}

void progress_started(struct progress *progress, int64_t run, int ranks)
{
    progress->run[run].ranks = ranks;
}

void progress_at(struct progress *progress, int64_t run, int64_t steps, double loss, double wall_seconds)
{
    struct progress_run *at = &progress->run[run];
    if (wall_seconds > at->wall_seconds && steps > at->steps) {
        double rate = (double)(steps - at->steps) / (wall_seconds - at->wall_seconds);
        at->steps_per_second = at->steps_per_second > 0 ? 0.9 * at->steps_per_second + 0.1 * rate
                                                        : rate; // smoothed: a report covers few steps
    }
    at->wall_seconds = wall_seconds;
    at->loss = loss;
    set_steps(progress, run, steps);
}

// ---- output ----

// Percent of the predicted time that is done. A run's final evaluation counts when it ends. 100 only when
// every run is finished.
static double percent_done(const struct progress *progress)
{
    double percent = 100 * progress->done / progress->total;
    return progress->finished < progress->runs ? fmin(percent, 99) : percent;
}

static void add_overall(const struct progress *progress, struct text *text)
{
    double elapsed = clock_seconds() - progress->start, done = progress->done - progress->done_at_start;
    text_format(text, "%3.0f %%  %lld of %lld run%s  ", percent_done(progress), (long long)progress->finished,
                (long long)progress->runs, text_plural(progress->runs));
    text_add_duration(text, elapsed);
    double training_left = progress->total - progress->done - progress->final_left;
    if (training_left <= 1e-9 * progress->total && progress->finished < progress->runs) {
        text_add(text, ", last evaluations");
    } else if (done > 0 && elapsed > 1 && progress->finished < progress->runs) {
        text_add(text, ", about ");
        text_add_duration(text, (progress->total - progress->done) / done * elapsed);
        text_add(text, " left");
    }
}

static void add_run(const struct progress *progress, int64_t run, struct text *text)
{
    const struct progress_run *at = &progress->run[run];
    text_format(text, "%s: step %lld of %lld", progress->label[run], (long long)at->steps,
                (long long)steps_of(progress, run));
    if (isfinite(at->loss))
        text_format(text, ", loss %.4g", at->loss);
    if (at->steps_per_second > 0)
        text_format(text, ", %.3g steps/s", at->steps_per_second);
    if (at->ranks > 1)
        text_format(text, ", %d ranks", at->ranks);
    if (at->steps == steps_of(progress, run))
        text_add(text, ", last evaluation");
}

// Appends at most `max` running runs, each after `separator`.
static void add_running(const struct progress *progress, const char *separator, int max, struct text *text)
{
    int running = 0;
    for (int64_t run = 0; run < progress->sweep->runs; run++) {
        if (progress->run[run].ranks == 0 || ++running > max)
            continue;
        text_add(text, separator);
        add_run(progress, run, text);
    }
    if (running > max)
        text_format(text, "%sand %d more", separator, running - max);
    text_add(text, "\n");
}

static void draw_live(struct progress *progress)
{
    struct text text = {0};
    int filled = (int)(BAR_WIDTH * percent_done(progress) / 100);
    text_add(&text, "[");
    for (int i = 0; i < BAR_WIDTH; i++)
        text_add(&text, i < filled ? "#" : ".");
    text_add(&text, "] ");
    add_overall(progress, &text);
    add_running(progress, "\n", LIVE_RUNS, &text);
    display_draw(&progress->display, text.chars);
    text_free(&text);
}

static void draw_line(const struct progress *progress)
{
    struct text text = {0};
    add_overall(progress, &text);
    add_running(progress, "; ", LINE_RUNS, &text);
    fputs(text.chars, progress->err);
    fflush(progress->err);
    text_free(&text);
}

void progress_finished(struct progress *progress, int64_t run, const char *outcome, double r2)
{
    struct progress_run *at = &progress->run[run];
    at->ranks = 0;
    progress->finished++;
    set_steps(progress, run, steps_of(progress, run)); // also of a run that diverged
    progress->done += progress->final[run];
    progress->final_left -= progress->final[run];
    if (progress->kind == PROGRESS_NONE)
        return;
    if (progress->kind == PROGRESS_LIVE)
        display_erase(&progress->display);
    fprintf(progress->err, "%s: %s", progress->label[run], outcome);
    if (isfinite(r2))
        fprintf(progress->err, ", R^2 %.2f %%", 100 * r2);
    fprintf(progress->err, "\n");
    progress->last = 0;
}

void progress_stopped(struct progress *progress, int64_t run, int64_t steps)
{
    set_steps(progress, run, steps);
    progress->run[run].ranks = 0;
    progress->last = 0;
}

void progress_tick(struct progress *progress)
{
    if (progress->kind == PROGRESS_NONE)
        return;
    double now = clock_seconds();
    if (now - progress->last < (progress->kind == PROGRESS_LIVE ? live_seconds : lines_seconds))
        return;
    progress->last = now;
    if (progress->kind == PROGRESS_LIVE)
        draw_live(progress);
    else
        draw_line(progress);
}

void progress_end(struct progress *progress)
{
    if (progress->kind == PROGRESS_LIVE)
        draw_live(progress);
    else if (progress->kind == PROGRESS_LINES && progress->last == 0)
        draw_line(progress);
}
