/* The subcommand `look`, a child process of driver/probe_file.h: reads a results file and writes a heartbeat
 * with each object. Not listed in `weightsweep --help`. */
#include "cli/commands.h"
#include "store/store.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void send_heartbeat(bool reading)
{
    if (reading && write(STDOUT_FILENO, "", 1) < 0)
        _exit(STATUS_MACHINE); // the parent ended before prctl was called
}

// argv: look [--all | --output] FILE
enum status command_probe(const struct command *command, int argc, char **argv)
{
    (void)command;
    bool output = argc == 3 && strcmp(argv[1], "--output") == 0;
    bool all = output || (argc == 3 && strcmp(argv[1], "--all") == 0);
    if (argc != 2 + all)
        FAIL(STATUS_USAGE, "look: expected a results file");
    prctl(PR_SET_PDEATHSIG, SIGKILL); // the child ends with its parent
    const char *path = argv[argc - 1];
    send_heartbeat(true);
    store_set_heartbeat(send_heartbeat);
    return store_probe(path, output, all);
}
