#include "commands/commands.h"

enum status command_bad_option(const char *verb, int option, const char *word)
{
    if (option == ':')
        FAIL(STATUS_USAGE, "%s: %s wants a value; see `weightsweep %s --help`", verb, word, verb);
    FAIL(STATUS_USAGE, "%s: unknown option %s; see `weightsweep %s --help`", verb, word, verb);
}
