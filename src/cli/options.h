/* Command line of a subcommand. From one table per subcommand come the parsing of its options, its --help and
 * the shell completion (completion.h). */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/status.h"
#include "cli/commands.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct option {
    char letter;          // short name, or 0
    const char *name;     // long name without dashes; NULL ends the table
    const char *argument; // the value in --help, choices joined by |; NULL: a flag
    const char *help;
    /* Parses `value` (NULL for a flag) into *target. STATUS_USAGE with a message "--name value: ..." if the
     * value is invalid. */
    enum status (*parse)(const struct option *option, const char *value, void *target);
    size_t target; // offset of the target in the subcommand's own structure
};

/* Values of an option that may be repeated. The caller frees `values`. */
struct option_texts {
    int count;
    const char **values;
};

/* Parsers for struct option, and the type of *target: bool for a flag; const char * and struct option_texts,
 * whose texts are those of argv; double for a number of seconds above 0; int, or an enum, for a choice: its
 * number in `argument`, from 0. */
enum status option_flag(const struct option *option, const char *value, void *target);
enum status option_text(const struct option *option, const char *value, void *target);
enum status option_texts(const struct option *option, const char *value, void *target);
enum status option_seconds(const struct option *option, const char *value, void *target);
enum status option_choice(const struct option *option, const char *value, void *target);

struct usage {
    const char *name;             // name of the subcommand
    const char *summary;          // one line for `weightsweep --help`; NULL: not listed there
    const char *synopsis;         // command lines, one per line
    const char *description;      // paragraphs between the synopsis and the options
    const struct option *options; // NULL: none but --help
    const char *notes;            // paragraphs after the options, or NULL
    const char *example;
    void (*print_more)(FILE *out); // prints the end of --help, after the example; or NULL
    const char *file;              // description of the file argument, such as "sweep file"; NULL: none
    bool several;                  // any number of files, at least one
    size_t file_target; // offset of the file argument's const char * in the target; struct option_texts if
                        // several
};

/* Parses the command line (argv[0] is the subcommand's name) into *target, which holds the defaults. Long
 * names must be exact; options may stand before or after the file. STATUS_HELP for --help, which
 * rank 0 prints; STATUS_USAGE with a message that names the option. */
enum status options_parse(const struct command *command, const struct usage *usage, int argc, char **argv,
                          void *target);

#endif
