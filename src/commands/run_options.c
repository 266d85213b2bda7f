#include "commands/run_options.h"

#include "base/memory.h"
#include "commands/commands.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char run_help[] =
    "usage: mpirun -n RANKS weightsweep run SWEEP.yaml -o RESULTS.h5 [option...]\n"
    "\n"
    "Trains every run of the sweep into RESULTS.h5. The file is created, or continued if it is there: after "
    "an\n"
    "interruption run the same command again, on any number of ranks.\n"
    "\n"
    "  -o, --output FILE           the results file (required)\n"
    "      --set KEY=VALUE         as if the sweep file said so; repeatable\n"
    "      --only IDS              only these runs (run ids, separated by commas)\n"
    "      --group auto|1|2|4...   ranks that share one run (auto)\n"
    "      --time-limit S          be saved and gone after S seconds, with exit code 75; so it is too before "
    "the end\n"
    "                              of a SLURM job (SLURM_JOB_END_TIME, UNIX seconds)\n"
    "      --checkpoint-every S    seconds between two checkpoints of a run (60)\n"
    "      --grow                  the file's sweep has become larger: more runs, or more steps at a "
    "constant rate\n"
    "      --retry                 repeat runs that diverged or failed. Training is deterministic: this "
    "helps "
    "only after\n"
    "                              a failure of the machine, such as missing memory\n"
    "      --allow-other-arithmetic  continue a file that another gemm library, kernel or processor began\n"
    "      --progress auto|live|lines|none   what standard error shows (auto)\n"
    "      --quiet                 the same as --progress none\n"
    "\n"
    "Exit codes: 0 everything done; 2 bad usage or sweep file; 3 the results file can't be used; 4 stopped "
    "by the\n"
    "machine; 5 finished, but some runs diverged or failed; 75 interrupted, everything saved.\n"
    "\n"
    "example: mpirun -n 2 weightsweep run sweeps/quick.yaml -o quick.h5 --set seed=[1,2]\n";

static enum status parse_seconds(const char *option, const char *text, double *seconds)
{
    char *end;
    *seconds = strtod(text, &end);
    if (end == text || *end || !isfinite(*seconds) || *seconds <= 0)
        FAIL(STATUS_USAGE, "%s %s: expected a number of seconds above 0", option, text);
    return STATUS_OK;
}

static enum status parse_group(const char *text, int *group)
{
    char *end;
    long size = strtol(text, &end, 10);
    if (strcmp(text, "auto") == 0)
        size = 0;
    else if (end == text || *end || size < 1 || size > 1 << 20 || (size & (size - 1)) != 0)
        FAIL(STATUS_USAGE, "--group %s: expected `auto` or a power of two", text);
    *group = (int)size;
    return STATUS_OK;
}

enum status run_options_parse(int argc, char **argv, struct run_options *options)
{
    enum {
        SET = 1,
        ONLY,
        GROUP,
        TIME_LIMIT,
        CHECKPOINT_EVERY,
        GROW,
        RETRY,
        OTHER_ARITHMETIC,
        PROGRESS,
        QUIET
    };
    static const struct option known[] = {
        {"output", required_argument, NULL, 'o'},
        {"set", required_argument, NULL, SET},
        {"only", required_argument, NULL, ONLY},
        {"group", required_argument, NULL, GROUP},
        {"time-limit", required_argument, NULL, TIME_LIMIT},
        {"checkpoint-every", required_argument, NULL, CHECKPOINT_EVERY},
        {"grow", no_argument, NULL, GROW},
        {"retry", no_argument, NULL, RETRY},
        {"allow-other-arithmetic", no_argument, NULL, OTHER_ARITHMETIC},
        {"progress", required_argument, NULL, PROGRESS},
        {"quiet", no_argument, NULL, QUIET},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct run_options){.checkpoint_every = 60, .time_limit = INFINITY};
    options->set = memory_small((size_t)argc * sizeof *options->set);
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, ":o:h", known, NULL)) != -1;)
        switch (option) {
        case 'o':
            options->output = optarg;
            break;
        case SET:
            options->set[options->sets++] = optarg;
            break;
        case ONLY:
            options->only = optarg;
            break;
        case GROUP:
            TRY(parse_group(optarg, &options->group));
            break;
        case TIME_LIMIT:
            TRY(parse_seconds("--time-limit", optarg, &options->time_limit));
            break;
        case CHECKPOINT_EVERY:
            TRY(parse_seconds("--checkpoint-every", optarg, &options->checkpoint_every));
            break;
        case GROW:
            options->grow = true;
            break;
        case RETRY:
            options->retry = true;
            break;
        case OTHER_ARITHMETIC:
            options->other_arithmetic = true;
            break;
        case PROGRESS:
            TRY(progress_kind_of(optarg, &options->progress));
            break;
        case QUIET:
            options->progress = PROGRESS_NONE;
            break;
        case 'h':
            options->help = true;
            return STATUS_OK;
        default:
            return command_bad_option("run", option, argv[optind - 1]);
        }
    if (argc - optind != 1)
        FAIL(STATUS_USAGE, "run: expected one sweep file, got %d; see `weightsweep run --help`",
             argc - optind);
    if (!options->output)
        FAIL(STATUS_USAGE, "run: -o RESULTS.h5 is missing; see `weightsweep run --help`");
    options->sweep = argv[optind];
    return STATUS_OK;
}
