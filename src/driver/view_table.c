#include "driver/view_table.h"

#include "base/memory.h"
#include "driver/selection.h"

#include <stdlib.h>

enum run_state view_status(const struct store_view *view, int64_t run, bool live)
{
    enum run_state status = (enum run_state)view->status[run];
    return status == RUN_RUNNING && !live ? RUN_PENDING : status;
}

const char *view_status_name(enum run_state status)
{
    static const char *const names[] = {"pending", "running", "done", "diverged", "failed"};
    return names[status];
}

void view_copy_column(struct column_table *table, const struct store_view *view, const char *name)
{
    const struct column *from = column_find(&view->columns, name);
    if (from)
        column_copy(table, from);
}

void view_add_status(struct column_table *table, const struct store_view *view, bool live)
{
    struct column *column = column_add(table, "status", COLUMN_TEXT, "1", "state of the run");
    for (int64_t run = 0; run < table->rows; run++)
        column->texts[run] = memory_text(view_status_name(view_status(view, run, live)));
}

enum status view_find_run(const struct store_view *view, const char *option, const char *argument,
                          int64_t *run)
{
    struct column_table settings = view->columns;
    settings.count = view->settings;
    char *lister = memory_format("weightsweep status %s", view->path);
    enum status status = selection_find(&(struct selection){&settings, option, argument, lister}, run);
    free(lister);
    return status;
}

enum status view_read_model(const struct store_view *view, int64_t run, struct store_parameters **parameters)
{
    enum run_state status = (enum run_state)view->status[run];
    const struct column *done = column_find(&view->columns, "steps_done"),
                        *steps = column_find(&view->columns, "steps");
    if (status != RUN_DONE)
        FAIL(STATUS_RESULTS,
             "run %s of %s is %s after %lld of %lld steps: only a run that is done has a model",
             column_find(&view->columns, "run_id")->texts[run], view->path, view_status_name(status),
             (long long)(done ? done->ints[run] : 0), (long long)(steps ? steps->ints[run] : 0));
    return store_view_parameters(view, run, parameters);
}
