#include "commands/view_table.h"

#include "base/memory.h"

enum run_status view_status(const struct store_view *view, int64_t run, bool live)
{
    enum run_status status = (enum run_status)view->status[run];
    return status == RUN_RUNNING && !live ? RUN_PENDING : status;
}

const char *view_status_name(enum run_status status)
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
