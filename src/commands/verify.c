#include "commands/look.h"
#include "commands/options.h"
#include "store/store.h"

const struct usage verify_usage = {
    .name = "verify",
    .summary = "check a results file",
    .synopsis = "weightsweep verify RESULTS.h5",
    .description =
        "Checks every checksum and invariant of a results file. Exit code 0, or 3 with one line per "
        "fault.",
    .example = "weightsweep verify quick.h5",
    .file = "results file"};

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
    return STATUS_OK;
}
