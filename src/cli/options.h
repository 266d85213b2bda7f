/* The command line of a subcommand. One table per subcommand parses its options, prints its --help and
 * feeds the shell completion (completion.h). */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/status.h"
#include "cli/commands.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct option {
    char letter;          // the short name, or 0
    const char *name;     // without its dashes; NULL ends the table
    const char *argument; // the value as --help shows it, choices joined by |; NULL: a flag
    const char *help;
    /* Stores `value` (NULL for a flag) in *target. STATUS_USAGE with a message that begins "--name
     * value:". */
    enum status (*parse)(const char *value, void *target);
    size_t target; // offset of the target in the subcommand's own structure
};

/* The values of an option that may be repeated. The caller frees `values`. */
struct option_texts {
    int count;
    const char **values;
};

enum status option_flag(const char *value, void *target);   // bool
enum status option_text(const char *value, void *target);   // const char *, one of argv
enum status option_texts(const char *value, void *target);  // struct option_texts, of argv
enum status option_format(const char *value, void *target); // enum table_format

struct usage {
    const char *name;             // of the subcommand
    const char *summary;          // one line for `weightsweep --help`; NULL: not listed there
    const char *synopsis;         // command lines, one per line
    const char *description;      // paragraphs between the synopsis and the options
    const struct option *options; // NULL: none but --help
    const char *notes;            // paragraphs after the options, or NULL
    const char *example;
    void (*print_more)(FILE *out); // what --help prints after the example, or NULL
    const char *file;              // "sweep file": the one argument besides options; NULL: there is none
    size_t file_target;            // offset of its const char *
};

/* Fills *target, which holds the defaults, from the command line (argv[0] is the subcommand's name). Long
 * names must be exact; an option may stand before or after the file. --help prints the help, on rank 0,
 * and sets *help: the subcommand then has nothing left to do. STATUS_USAGE with a message that names the
 * option. */
enum status options_parse(const struct command *command, const struct usage *usage, int argc, char **argv,
                          void *target, bool *help);

#endif
