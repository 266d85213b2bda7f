#include "driver/best_run.h"

#include "base/memory.h"
#include "base/number.h"
#include "base/text.h"
#include "kernel/math.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// As in the Python package: smaller values of 1 - R^2 are rounding error; with an R^2 below the limit a run
// diverged, though files of older versions call it done.
static const double unexplained_min = 0x1p-52, r2_diverged = -100;

struct candidate {
    char *problem, *choices; // settings as text, without the seed
    int64_t run, seed;
};

// True for a setting that R^2 depends on by definition: runs that differ in it are not comparable.
static bool defines_problem(const char *name)
{
    static const char *const names[] = {"task",           "unknowns", "equations", "training_inputs",
                                        "training_noise", NULL};
    return text_is_one_of(name, names) || strncmp(name, "generator_", strlen("generator_")) == 0;
}

// Columns that follow from settings, or that do not make a setting.
static bool is_ignored(const char *name)
{
    static const char *const names[] = {"run_id",     "seed",           "equation_ratio",
                                        "parameters", "flops_per_step", NULL};
    return text_is_one_of(name, names);
}

static char *settings_text(const struct store_view *view, int64_t run, bool problem)
{
    struct text text = {0};
    for (int i = 0; i < view->settings; i++) {
        const struct column *column = &view->columns.columns[i];
        if (is_ignored(column->name) || defines_problem(column->name) != problem)
            continue;
        column_print(column, run, "nan", &text);
        text_add(&text, "\n");
    }
    return text_take(&text);
}

static int by_setting_and_seed(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    int order = strcmp(x->problem, y->problem);
    order = order ? order : strcmp(x->choices, y->choices);
    return order ? order : (x->seed > y->seed) - (x->seed < y->seed);
}

static int64_t distinct_seeds(const struct candidate *candidates, int64_t count)
{
    int64_t *seed = memory_small((size_t)count * sizeof *seed), distinct = 0;
    for (int64_t i = 0; i < count; i++)
        seed[i] = candidates[i].seed;
    qsort(seed, (size_t)count, sizeof *seed, number_by_int64);
    for (int64_t i = 0; i < count; i++)
        distinct += i == 0 || seed[i] != seed[i - 1];
    free(seed);
    return distinct;
}

// Mean of log(1 - R^2) over the runs of a setting; infinity unless all `count` runs are done, one per seed.
static double mean_score(const struct store_view *view, const struct candidate *setting, int64_t count,
                         int64_t seeds)
{
    const double *r2 = column_find(&view->columns, "r2")->reals;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t run = setting[i].run;
        if ((enum run_state)view->status[run] != RUN_DONE || !(r2[run] >= r2_diverged) || isinf(r2[run]))
            return INFINITY;
        sum += math_log(fmax(1 - r2[run], unexplained_min));
    }
    return count == seeds ? sum / (double)count : INFINITY;
}

// First row of the file among the runs of a setting: of two settings with equal scores the earlier one is
// best.
static int64_t first_row(const struct candidate *setting, int64_t count)
{
    int64_t first = setting[0].run;
    for (int64_t i = 1; i < count; i++)
        first = setting[i].run < first ? setting[i].run : first;
    return first;
}

// Length of an argument without commas at its end.
static int argument_length(const char *argument)
{
    size_t length = strlen(argument);
    while (length > 0 && argument[length - 1] == ',')
        length--;
    return (int)length;
}

// Fails with the settings in which the cases differ, and an example of a condition.
static enum status refuse_cases(const struct store_view *view, const struct selection *selection,
                                const struct candidate *candidates, int64_t count)
{
    int64_t *rows = memory_small((size_t)count * sizeof *rows);
    struct column_table table = {.rows = count};
    struct text names = {0}, example = {0};
    for (int64_t i = 0; i < count; i++)
        rows[i] = candidates[i].run;
    for (int i = 0; i < view->settings; i++)
        if (defines_problem(view->columns.columns[i].name))
            column_copy(&table, &view->columns.columns[i], rows);
    for (int i = 0; i < table.count; i++) {
        const struct column *column = &table.columns[i];
        if (!column_varies(column, count))
            continue;
        if (!example.length) {
            text_format(&example, ", for example %.*s,%s=", argument_length(selection->argument),
                        selection->argument, column->name);
            selection_print_value(column, 0, &example);
        }
        text_format(&names, "%s%s", names.length ? ", " : "", column->name);
    }
    enum status status = FAILED(
        STATUS_USAGE, "%s %s: several cases, which differ in %s; expected conditions that leave one case%s",
        selection->option, selection->argument, names.chars, example.length ? example.chars : "");
    text_free(&names);
    text_free(&example);
    column_table_free(&table);
    free(rows);
    return status;
}

static enum status find(const struct store_view *view, const struct selection *selection,
                        const struct candidate *candidates, int64_t count, int64_t *run)
{
    if (strcmp(candidates[0].problem, candidates[count - 1].problem) != 0)
        return refuse_cases(view, selection, candidates, count);
    int64_t seeds = distinct_seeds(candidates, count), best_row = 0;
    double best = INFINITY;
    for (int64_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && strcmp(candidates[next].choices, candidates[i].choices) == 0;)
            next++;
        double score = mean_score(view, &candidates[i], next - i, seeds);
        int64_t row = first_row(&candidates[i], next - i);
        if (score < best || (score == best && score < INFINITY && row < best_row)) {
            best = score;
            best_row = row;
            *run = candidates[i].run;
        }
    }
    if (best < INFINITY)
        return STATUS_OK;
    if (seeds == 1)
        FAIL(STATUS_USAGE, "%s %s: no setting has a finished run; `%s` shows the runs", selection->option,
             selection->argument, selection->lister);
    FAIL(STATUS_USAGE, "%s %s: no setting has a finished run for each of the %lld seeds; `%s` shows the runs",
         selection->option, selection->argument, (long long)seeds, selection->lister);
}

enum status best_run_find(const struct store_view *view, const struct selection *selection,
                          const bool *chosen, int64_t *run)
{
    struct candidate *candidates = memory_small((size_t)view->runs * sizeof *candidates);
    const int64_t *seed = column_find(&view->columns, "seed")->ints;
    int64_t count = 0;
    for (int64_t i = 0; i < view->runs; i++)
        if (chosen[i])
            candidates[count++] =
                (struct candidate){settings_text(view, i, true), settings_text(view, i, false), i, seed[i]};
    qsort(candidates, (size_t)count, sizeof *candidates, by_setting_and_seed);
    enum status status = count > 0 ? find(view, selection, candidates, count, run)
                                   : FAILED(STATUS_USAGE, "%s %s: the file has no runs", selection->option,
                                            selection->argument);
    for (int64_t i = 0; i < count; i++) {
        free(candidates[i].problem);
        free(candidates[i].choices);
    }
    free(candidates);
    return status;
}
