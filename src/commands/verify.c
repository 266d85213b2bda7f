#include "commands/commands.h"
#include "commands/look.h"
#include "store/store.h"

static const char help[] =
    "usage: weightsweep verify RESULTS.h5\n"
    "\n"
    "Checks every checksum and invariant of a results file: exit code 0, or 3 with a line for each fault.\n"
    "\n"
    "example: weightsweep verify quick.h5\n";

enum status command_verify(const struct command *command, int argc, char **argv)
{
    const char *results;
    bool help_wanted;
    TRY(command_without_options(command, help, argc, argv, &results, &help_wanted));
    if (help_wanted)
        return STATUS_OK;
    int64_t checked = 0;
    TRY(look_at(results, LOOK_ALL));
    TRY(store_verify(results, &checked));
    fprintf(command->out, "%s: %lld checks passed\n", results, (long long)checked);
    return STATUS_OK;
}
