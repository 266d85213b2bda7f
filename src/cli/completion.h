/* Completion of the command line in a shell, from the subcommands' tables of options. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "cli/options.h"

#include <stdio.h>

/* Prints a script for bash, to be sourced.  usages [count]; a subcommand without a summary is left out */
void completion_print_bash(FILE *out, const struct usage *const *usages, int count);

#endif
