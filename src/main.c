#include "base/text.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/options.h"
#include "driver/versions.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status command_completion(const struct command *command, int argc, char **argv);

static const struct usage probe_usage = {.name = "look"},
                          completion_usage = {
                              .name = "completion",
                              .synopsis = "weightsweep completion bash",
                              .description = "Prints the completion of subcommands and options for bash.",
                              .example = "source <(weightsweep completion bash)",
                              .file = "name of a shell"};

static const struct subcommand {
    const struct usage *usage;
    enum status (*run)(const struct command *command, int argc, char **argv);
    bool parallel; // runs on all ranks of a launcher; rank 0 prints
} subcommands[] = {
    {&plan_usage, command_plan, false},     {&run_usage, command_run, true},
    {&status_usage, command_status, false}, {&export_usage, command_export, false},
    {&verify_usage, command_verify, false}, {&predict_usage, command_predict, false},
    {&bench_usage, command_bench, true},    {&info_usage, command_info, false},
    {&probe_usage, command_probe, false},   {&completion_usage, command_completion, false},
};

enum { SUBCOMMANDS = sizeof subcommands / sizeof *subcommands };

static void print_help(FILE *out)
{
    fputs("usage: weightsweep SUBCOMMAND [argument...]\n"
          "\n"
          "Trains grids of small networks that infer the weights of other networks.\n"
          "\n",
          out);
    for (int i = 0; i < SUBCOMMANDS; i++)
        if (subcommands[i].usage->summary)
            fprintf(out, "  %-8s %s\n", subcommands[i].usage->name, subcommands[i].usage->summary);
    fputs("\n"
          "`weightsweep SUBCOMMAND --help` prints a subcommand's options, `weightsweep --version` the "
          "version.\n"
          "`weightsweep completion bash` prints the completion for bash: source <(weightsweep completion "
          "bash)\n"
          "Tables, figures and the page of results: python3 -m weightsweep table|compare|plot|report|watch "
          "RESULTS.h5\n"
          "\n"
          "example: weightsweep plan sweeps/quick.yaml\n",
          out);
}

static const struct subcommand *find_subcommand(const char *name)
{
    for (int i = 0; i < SUBCOMMANDS; i++)
        if (strcmp(name, subcommands[i].usage->name) == 0)
            return &subcommands[i];
    return NULL;
}

// True for the subcommands of the Python package, which users also expect here.
static bool is_python(const char *name)
{
    static const char *const names[] = {"table", "compare", "plot", "report", "watch", NULL};
    return text_is_one_of(name, names);
}

static enum status command_completion(const struct command *command, int argc, char **argv)
{
    const char *shell;
    TRY(options_parse(command, &completion_usage, argc, argv, &shell));
    if (strcmp(shell, "bash") != 0)
        FAIL(STATUS_USAGE, "completion %s: only bash is supported: weightsweep completion bash", shell);
    const struct usage *usages[SUBCOMMANDS];
    for (int i = 0; i < SUBCOMMANDS; i++)
        usages[i] = subcommands[i].usage;
    completion_print_bash(command->out, usages, SUBCOMMANDS);
    return STATUS_OK;
}

// ---- ranks ----

static int rank; // rank according to the launcher; after start_mpi MPI's rank

static MPI_Comm start_mpi(void)
{
    // Without mpirun Open MPI 4 would start a daemon, which only MPI_Comm_spawn needs. The daemon takes
    // 0.2 s, and under a small `ulimit -f` all memory.
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return MPI_COMM_WORLD;
}

// Rank of this process according to the launcher, known before MPI starts; -1 without a launcher.
static int launcher_rank(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value >= '0' && *value <= '9')
            return atoi(value);
    }
    return -1;
}

// ---- from the command line to the exit code ----

static void print_failure(void)
{
    struct text message = {0};
    text_add_visible_lines(&message, status_message()); // escapes control characters quoted from a file
    text_add(&message, "\n");
    fputs(message.chars, stderr); // no prefix, because editors expect FILE:LINE at the beginning of a line
    text_free(&message);
    if (getenv("WEIGHTSWEEP_DEBUG"))
        fprintf(stderr, "(recorded at %s)\n", status_source_location());
}

// Flushes standard output and prints the message of a failure. Returns the exit code.
static int finish(enum status status)
{
    errno = 0;
    fflush(stdout);
    if (ferror(stdout) && status == STATUS_OK) // after an earlier write errno may be 0
        status = FAILED(STATUS_MACHINE,
                        "cannot write to standard output%s%s; redirect it to a file that can be written and "
                        "run the same command again",
                        errno ? ": " : "", errno ? strerror(errno) : "");
    if (status != STATUS_OK && rank == 0)
        print_failure();
    return status_exit_code(status);
}

static int run_subcommand(const struct subcommand *subcommand, int argc, char **argv)
{
    int launcher = subcommand->parallel ? launcher_rank() : -1, started;
    rank = launcher > 0 ? launcher : 0;
    const struct command command = {.out = stdout,
                                    .err = stderr,
                                    .rank = rank,
                                    .launched = launcher >= 0,
                                    .start_mpi = start_mpi,
                                    .comm = MPI_COMM_NULL};
    enum status status = subcommand->run(&command, argc, argv);
    if (status == STATUS_HELP)
        status = STATUS_OK;
    int code = finish(status);
    MPI_Initialized(&started);
    if (started)
        MPI_Finalize();
    else if (code != 0 && rank != 0)
        sleep(1); // rank 0 prints first: a launcher may kill all ranks when the first one ends with a failure
    return code;
}

int main(int argc, char **argv)
{
    // Without these a results file could get the number of a closed stream.
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", O_RDONLY);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? STATUS_USAGE : finish(STATUS_OK);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("weightsweep %s\n", versions_program());
        return finish(STATUS_OK);
    }
    const struct subcommand *subcommand = find_subcommand(argv[1]);
    if (!subcommand && is_python(argv[1])) {
        fprintf(stderr,
                "weightsweep: `%s` is a subcommand of the Python package: python3 -m weightsweep %s "
                "RESULTS.h5 (jobs/python -m weightsweep %s from a clone)\n",
                argv[1], argv[1], argv[1]);
        return STATUS_USAGE;
    }
    if (!subcommand) {
        fprintf(stderr, "weightsweep: unknown subcommand `%s`; `weightsweep --help` lists them\n", argv[1]);
        return STATUS_USAGE;
    }
    signal(SIGXFSZ, SIG_IGN); // a write beyond the file size limit fails with EFBIG instead
    return run_subcommand(subcommand, argc - 1, argv + 1);
}
