#include "base/stop.h"
#include "base/text.h"
#include "commands/commands.h"
#include "commands/versions.h"

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct verb {
    const char *name;
    enum status (*run)(const struct command *command, int argc, char **argv);
    bool needs_mpi;
    const char *summary; // NULL: not for people
} verbs[] = {
    {"plan", command_plan, false, "what a sweep would do and cost"},
    {"run", command_run, true, "do it, or continue it (under mpirun)"},
    {"status", command_status, false, "what is done, running, left"},
    {"export", command_export, false, "its tables, a model, an archive"},
    {"verify", command_verify, false, "check a results file"},
    {"predict", command_predict, false, "infer weights from your own pairs"},
    {"bench", command_bench, true, "how fast this machine is"},
    {"look", command_look, false, NULL},
    {"info", command_info, false, "versions, processor, libraries"},
};

enum { VERBS = sizeof verbs / sizeof *verbs };

static void print_help(FILE *out)
{
    fputs("usage: weightsweep VERB [argument...]\n"
          "\n"
          "Trains grids of small networks that infer the weights of other networks.\n"
          "\n",
          out);
    for (int i = 0; i < VERBS; i++)
        if (verbs[i].summary)
            fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
    fputs("\n`weightsweep VERB --help` says more, `weightsweep --version` which program this is.\n"
          "\n"
          "example: weightsweep plan sweeps/quick.yaml\n",
          out);
}

static const struct verb *find_verb(const char *name)
{
    for (int i = 0; i < VERBS; i++)
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    return NULL;
}

static enum status run_verb(const struct verb *verb, int argc, char **argv, int *rank)
{
    struct command command = {.out = stdout, .err = stderr, .comm = MPI_COMM_NULL};
    if (!verb->needs_mpi)
        return verb->run(&command, argc, argv);
    if (verb->run == command_run) // a wish to stop may come while MPI starts
        stop_catch_signals(INFINITY);
    MPI_Init(&argc, &argv);
    command.comm = MPI_COMM_WORLD;
    MPI_Comm_rank(command.comm, rank);
    return verb->run(&command, argc, argv);
}

static void print_failure(void)
{
    struct text message = {0};
    text_add_visible_lines(&message, status_message()); // it may quote a file
    text_add(&message, "\n");
    fputs(message.chars, stderr); // bare: mistakes begin with FILE:LINE, as editors like it
    text_free(&message);
    if (getenv("WEIGHTSWEEP_DEBUG"))
        fprintf(stderr, "(recorded at %s)\n", status_place());
}

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? STATUS_USAGE : STATUS_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("weightsweep %s\n", versions_program());
        return STATUS_OK;
    }
    const struct verb *verb = find_verb(argv[1]);
    if (!verb) {
        fprintf(stderr, "weightsweep: unknown verb `%s`; `weightsweep --help` lists them\n", argv[1]);
        return STATUS_USAGE;
    }
    signal(SIGXFSZ, SIG_IGN); // a write beyond the limit of file sizes fails instead (EFBIG)
    int rank = 0;
    enum status status = run_verb(verb, argc - 1, argv + 1, &rank);
    if (fflush(stdout) != 0 && status == STATUS_OK)
        status = status_fail(STATUS_MACHINE, __FILE__, __LINE__, "standard output could not be written");
    if (status != STATUS_OK && rank == 0)
        print_failure();
    if (verb->needs_mpi)
        MPI_Finalize();
    return status_exit_code(status);
}
