#include "commands/commands.h"
#include "store/store.h"

#include <getopt.h>

static const char help[] =
    "usage: weightsweep verify RESULTS.h5\n"
    "\n"
    "Checks every checksum and invariant of a results file: exit code 0, or 3 with a line for each fault.\n"
    "\n"
    "example: weightsweep verify quick.h5\n";

enum status command_verify(const struct command *command, int argc, char **argv)
{
    static const struct option known[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, ":h", known, NULL)) != -1;) {
        if (option != 'h')
            return command_bad_option("verify", option, argv[optind - 1]);
        fputs(help, command->out);
        return STATUS_OK;
    }
    if (argc - optind != 1)
        FAIL(STATUS_USAGE, "verify: expected one results file; see `weightsweep verify --help`");
    int64_t checked = 0;
    TRY(store_verify(argv[optind], &checked));
    fprintf(command->out, "%s: %lld checks passed\n", argv[optind], (long long)checked);
    return STATUS_OK;
}
