#include "commands/commands.h"
#include "store/store.h"

static const char help[] =
    "usage: weightsweep verify RESULTS.h5\n"
    "\n"
    "Checks every checksum and invariant of a results file: exit code 0, or 3 with a line for each fault.\n"
    "\n"
    "example: weightsweep verify quick.h5\n";

enum status command_verify(const struct command *command, int argc, char **argv)
{
    bool help_wanted;
    TRY(command_without_options(command, help, "results file", argc, argv, &help_wanted));
    if (help_wanted)
        return STATUS_OK;
    int64_t checked = 0;
    TRY(store_verify(argv[optind], &checked));
    fprintf(command->out, "%s: %lld checks passed\n", argv[optind], (long long)checked);
    return STATUS_OK;
}
