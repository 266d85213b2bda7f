#include "cli/options.h"
#include "driver/probe_file.h"
#include "store/store.h"

const struct usage verify_usage = {
    .name = "verify",
    .summary = "check a results file",
    .synopsis = "weightsweep verify RESULTS.h5",
    .description =
        "Checks every checksum and invariant of a results file, and every byte of an archive. Exit code 0, "
        "or 3 with one line per fault. Lists attributes, datasets and groups that other programs added; they "
        "are not faults.",
    .example = "weightsweep verify quick.h5",
    .file = "results file"};

static void print(const struct command *command, const char *results, const struct store_verified *verified)
{
    fprintf(command->out, "%s: %lld checks passed\n", results, (long long)verified->checks);
    if (verified->rewritten)
        fprintf(command->out,
                "Another program rewrote this file: columns, curves and models match their "
                "checksums; checkpoints, and other bytes of an archive, could not be checked\n");
    if (verified->foreign.length > 0) {
        struct text visible = {0};
        text_add_visible_lines(&visible, verified->foreign.chars);
        fprintf(command->out, "Foreign objects, added by another program and not checked:%s\n",
                visible.chars);
        text_free(&visible);
    }
}

enum status command_verify(const struct command *command, int argc, char **argv)
{
    const char *results = NULL;
    bool help;
    TRY(options_parse(command, &verify_usage, argc, argv, &results, &help));
    if (help)
        return STATUS_OK;
    struct store_verified verified;
    TRY(probe_file_before(results, PROBE_ALL));
    enum status status = store_verify(results, &verified);
    if (status == STATUS_OK)
        print(command, results, &verified);
    text_free(&verified.foreign);
    return status;
}
