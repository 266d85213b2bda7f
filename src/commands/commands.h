/* The verbs of the program, one file each.
 *
 * A verb reads its own options (argv[0] is its name), prints what was asked for to `out` and everything else to `err`, and
 * returns a status; only main.c turns that into a message and an exit code. */
#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include "base/status.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>

struct command {
    FILE *out, *err;
    MPI_Comm comm; // MPI_COMM_NULL unless the verb starts MPI
};

/* What a sweep would do and cost. */
enum status command_plan(const struct command *command, int argc, char **argv);
/* Does it. Collective on the communicator. */
enum status command_run(const struct command *command, int argc, char **argv);
/* What is done, running, left. */
enum status command_status(const struct command *command, int argc, char **argv);
/* Its tables, its models, an archive of it. */
enum status command_export(const struct command *command, int argc, char **argv);
/* Every checksum and invariant of a results file. */
enum status command_verify(const struct command *command, int argc, char **argv);
/* What look.h says; not for people. */
enum status command_look(const struct command *command, int argc, char **argv);
/* Versions, processor, libraries. */
enum status command_info(const struct command *command, int argc, char **argv);

/* The weights that a finished run infers from a user's pairs. */
enum status command_predict(const struct command *command, int argc, char **argv);

/* How fast this machine is. Collective on the communicator. */
enum status command_bench(const struct command *command, int argc, char **argv);

/* The command line of a verb without options: --help, which is printed, or one results file, or nothing where `results` is
 * NULL. STATUS_USAGE with a sentence. */
enum status command_without_options(const struct command *command, const char *help, int argc, char **argv,
                                    const char **results, bool *help_wanted);

/* What getopt_long refused, in a sentence: `option` is what it returned ('?' or ':'), `word` the argument it stopped at. */
enum status command_bad_option(const char *verb, int option, const char *word);

#endif
