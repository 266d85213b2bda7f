#include "commands/commands.h"

#include <getopt.h>

enum status command_bad_option(const char *verb, int option, const char *word)
{
    if (option == ':')
        FAIL(STATUS_USAGE, "%s: %s wants a value; see `weightsweep %s --help`", verb, word, verb);
    FAIL(STATUS_USAGE, "%s: unknown option %s; see `weightsweep %s --help`", verb, word, verb);
}

enum status command_without_options(const struct command *command, const char *help, int argc, char **argv,
                                    const char **results, bool *help_wanted)
{
    static const struct option known[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    const char *verb = argv[0];
    optind = 0;
    int option = getopt_long(argc, argv, ":h", known, NULL);
    *help_wanted = option == 'h';
    if (*help_wanted)
        fputs(help, command->out);
    else if (option != -1)
        return command_bad_option(verb, option, argv[optind - 1]);
    else if (results && argc - optind != 1)
        FAIL(STATUS_USAGE, "%s: expected one results file; see `weightsweep %s --help`", verb, verb);
    else if (results)
        *results = argv[optind];
    else if (optind < argc)
        FAIL(STATUS_USAGE, "%s: unexpected argument %s; see `weightsweep %s --help`", verb, argv[optind],
             verb);
    return STATUS_OK;
}
