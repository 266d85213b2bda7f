// Reads everything of a file that libhdf5 has to interpret, in a process of its own (commands/look.h).
#include "store/checkpoint.h"
#include "store/h5.h"
#include "store/layout.h"
#include "store/view.h"

static enum status look_at_run(const struct store_view *view, int64_t run)
{
    struct slots slots;
    struct store_parameters *parameters = NULL;
    if (view->models)
        TRY(view_parameters(view, run, false, &parameters));
    store_parameters_free(&parameters);
    if (view->archive)
        return STATUS_OK;
    return slots_locate(view->file, view->path, run, column_find(&view->columns, LAYOUT_RUN_ID)->texts[run],
                        &slots);
}

enum status store_look(const char *path, bool runs, void (*heartbeat)(void))
{
    struct store_view *view = NULL;
    h5_set_heartbeat(heartbeat);
    enum status status = view_open(path, &view);
    for (int64_t run = 0; runs && status == STATUS_OK && run < view->runs; run++)
        status = h5_settle(look_at_run(view, run), path);
    h5_set_heartbeat(NULL);
    store_view_close(&view);
    return status;
}
