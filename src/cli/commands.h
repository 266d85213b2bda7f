/* Subcommands of the program, one file per subcommand.
 *
 * A subcommand parses its own options (argv[0] is its name), prints its result to `out` and notes to `err`,
 * and returns a status. Only main.c prints the message of a status and turns the status into an exit code. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "base/status.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>

struct command {
    FILE *out, *err;
    /* Rank of this process according to the launcher; 0 without a launcher, and for subcommands that do not
     * start MPI. All ranks check the command line; rank 0 prints errors. */
    int rank;
    bool launched;               // a launcher such as mpirun started this process
    MPI_Comm (*start_mpi)(void); // starts MPI and returns the communicator of all ranks; main.c ends MPI
    MPI_Comm comm;               // set by the subcommand after start_mpi; MPI_COMM_NULL before
};

struct usage; // options.h

/* Prints the runs of a sweep and their costs. */
extern const struct usage plan_usage;
enum status command_plan(const struct command *command, int argc, char **argv);

/* Trains the runs of a sweep. Collective on all ranks. */
extern const struct usage run_usage;
enum status command_run(const struct command *command, int argc, char **argv);

/* Prints the state of each run of a results file. */
extern const struct usage status_usage;
enum status command_status(const struct command *command, int argc, char **argv);

/* Writes the tables, a model or an archive of a results file. */
extern const struct usage export_usage;
enum status command_export(const struct command *command, int argc, char **argv);

/* Checks every checksum and invariant of a results file. */
extern const struct usage verify_usage;
enum status command_verify(const struct command *command, int argc, char **argv);

/* Infers weights from a user's pairs with the model of a finished run. */
extern const struct usage predict_usage;
enum status command_predict(const struct command *command, int argc, char **argv);

/* Measures the speed of this machine. Collective on all ranks. */
extern const struct usage bench_usage;
enum status command_bench(const struct command *command, int argc, char **argv);

/* Prints versions, processor and libraries. */
extern const struct usage info_usage;
enum status command_info(const struct command *command, int argc, char **argv);

/* Child process of a probe (driver/probe_file.h). */
enum status command_probe(const struct command *command, int argc, char **argv);

#endif
