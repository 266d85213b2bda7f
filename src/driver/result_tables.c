#include "driver/result_tables.h"

#include "base/memory.h"
#include "driver/view_table.h"

#include <stdlib.h>

void export_runs(const struct store_view *view, bool live, struct column_table *table)
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

// Read twice, to count and to fill: only what was reached takes memory. A file that is being written may have
// grown in between.
enum status export_curves(const struct store_view *view, struct column_table *table)
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

void timeline_columns(struct column_table *table)
{
    column_add(table, "run_id", COLUMN_TEXT, "1", "run");
    column_add(table, "first_rank", COLUMN_INT, "1", "first of the ranks");
    column_add(table, "ranks", COLUMN_INT, "1", "how many, one after the other");
    column_add(table, "from_step", COLUMN_INT, "steps", "steps done when they began");
    column_add(table, "to_step", COLUMN_INT, "steps", "steps done when they ended");
    column_add(table, "start_seconds", COLUMN_REAL, "s", "when they began");
    column_add(table, "end_seconds", COLUMN_REAL, "s", "when they ended");
}

void timeline_row(struct column_table *table, int64_t row, const char *run_id,
                  const struct timeline_interval *interval)
{
    struct column *column = table->columns;
    column[0].texts[row] = memory_text(run_id);
    column[1].ints[row] = interval->first_rank;
    column[2].ints[row] = interval->ranks;
    column[3].ints[row] = interval->from_step;
    column[4].ints[row] = interval->to_step;
    column[5].reals[row] = interval->start_seconds;
    column[6].reals[row] = interval->end_seconds;
}

enum status export_timeline(const struct store_view *view, struct column_table *table)
{
    struct timeline_interval *intervals;
    TRY(store_view_timeline(view, &intervals, &table->rows));
    timeline_columns(table);
    const struct column *ids = column_find(&view->columns, "run_id");
    for (int64_t row = 0; row < table->rows; row++)
        timeline_row(table, row, ids->texts[intervals[row].run], &intervals[row]);
    free(intervals);
    return STATUS_OK;
}
