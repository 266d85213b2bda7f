/* Shell completion, generated from the subcommands' tables of options. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "cli/options.h"

#include <stdio.h>

/* Prints a script for bash to source. usages: [count]; subcommands without a summary are not completed. */
void completion_print_bash(FILE *out, const struct usage *const *usages, int count);

#endif
