#include "commands/look.h"
#include "commands/options.h"
#include "store/store.h"

const struct usage verify_usage = {
    .name = "verify",
    .summary = "check a results file",
    .synopsis = "weightsweep verify RESULTS.h5",
    .description =
        "Checks every checksum and invariant of a results file. Exit code 0, or 3 with one line per "
        "fault. Lists the attributes, datasets and groups that another program added; they are no damage.",
    .example = "weightsweep verify quick.h5",
    .file = "results file"};

static enum status print_foreign(const struct command *command, const char *results)
{
    struct store_view *view = NULL;
    struct text list = {0};
    TRY(store_view_open(results, &view));
    enum status status = store_view_foreign(view, &list);
    if (status == STATUS_OK && list.length > 0) {
        struct text visible = {0};
        text_add_visible_lines(&visible, list.chars);
        fprintf(command->out, "Foreign, added by another program and left alone:%s\n", visible.chars);
        text_free(&visible);
    }
    text_free(&list);
    store_view_close(&view);
    return status;
}

enum status command_verify(const struct command *command, int argc, char **argv)
{
    const char *results = NULL;
    bool help;
    TRY(options_parse(command, &verify_usage, argc, argv, &results, &help));
    if (help)
        return STATUS_OK;
    int64_t checked = 0;
    TRY(look_at(results, LOOK_ALL));
    TRY(store_verify(results, &checked));
    fprintf(command->out, "%s: %lld checks passed\n", results, (long long)checked);
    return print_foreign(command, results);
}
