// Reads everything of a file that libhdf5 has to interpret, in a process of its own (commands/look.h).
#include "store/checkpoint.h"
#include "store/file_layout.h"
#include "store/h5.h"
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

enum status store_probe(const char *path, bool runs)
{
    struct store_view *view = NULL;
    TRY(view_open(path, &view));
    enum status status = STATUS_OK;
    h5_begin();
    for (int64_t run = 0; runs && status == STATUS_OK && run < view->runs; run++)
        status = look_at_run(view, run);
    store_view_close(&view);
    return h5_settle(status, path);
}
