#include "cli/run_options.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static enum status parse_group(const struct option *option, const char *text, void *target)
{
    (void)option;
    char *end;
    long size = strtol(text, &end, 10);
    if (strcmp(text, "auto") == 0)
        size = 0;
    else if (end == text || *end || size < 1 || size > 1 << 20 || (size & (size - 1)) != 0)
        FAIL(STATUS_USAGE, "--group %s: expected `auto` or a power of two", text);
    *(int *)target = (int)size;
    return STATUS_OK;
}

static enum status parse_quiet(const struct option *option, const char *text, void *target)
{
    (void)option;
    (void)text;
    *(enum progress_kind *)target = PROGRESS_NONE;
    return STATUS_OK;
}

#define TARGET(member) offsetof(struct run_options, member)

static const struct option option_table[] = {
    {'o', "output", "FILE", "the results file (required)", option_text, TARGET(output)},
    {0, "set", "KEY=VALUE", "override a setting of the sweep file; VALUE in YAML; repeatable", option_texts,
     TARGET(set)},
    {0, "only", "RUN",
     "train only these runs: an id, the beginning of an id, or conditions such as unknowns=15,seed=1; "
     "repeatable",
     option_texts, TARGET(only)},
    {0, "group", "auto|1|2|4...", "ranks that share one run (auto)", parse_group, TARGET(group)},
    {0, "time-limit", "S",
     "stop within S seconds with everything saved (exit code 75). Under SLURM the job's own limit is the "
     "default (SLURM_JOB_END_TIME, UNIX seconds)",
     option_seconds, TARGET(time_limit)},
    {0, "checkpoint-every", "S", "seconds between two checkpoints of a run (60)", option_seconds,
     TARGET(checkpoint_every)},
    {0, "grow", NULL,
     "extend the file to a larger sweep: more runs, or more steps at a constant learning rate", option_flag,
     TARGET(grow)},
    {0, "retry", NULL,
     "repeat runs that diverged or failed. Training is deterministic: this helps only after a failure of the "
     "machine, such as missing memory",
     option_flag, TARGET(retry)},
    {0, "allow-other-arithmetic", NULL,
     "continue a file that another GEMM library began, or, in bf16, another kernel or processor", option_flag,
     TARGET(other_numerics)},
    {0, "gemm", "portable|openblas",
     "matrix products in fp32: the program's own, with the same bits on every processor, or OpenBLAS's "
     "(portable)",
     option_choice, TARGET(gemm)},
    {0, "progress", "auto|live|lines|none",
     "progress on standard error; auto: live on a terminal, else lines (auto)", option_choice,
     TARGET(progress)},
    {0, "quiet", NULL, "the same as --progress none", parse_quiet, TARGET(progress)},
    {0}};

const struct usage run_usage = {
    .name = "run",
    .summary = "train the runs of a sweep, or continue them (under mpirun)",
    .synopsis = "mpirun -n RANKS weightsweep run SWEEP.yaml -o RESULTS.h5 [option...]",
    .description =
        "Trains every run of the sweep and writes the results to RESULTS.h5. The file is created, or "
        "continued if it exists: after an interruption run the same command again, on any number of ranks.",
    .options = option_table,
    .notes = "Exit codes: 0 everything done; 2 bad usage or sweep file; 3 the results file can't be used; 4 "
             "stopped by the machine; 5 finished, but some runs diverged or failed; 75 interrupted, "
             "everything saved.",
    .example = "mpirun -n 2 weightsweep run sweeps/quick.yaml -o quick.h5 --set seed=[1,2]",
    .file = "sweep file",
    .file_target = TARGET(sweep)};

enum status run_options_parse(const struct command *command, int argc, char **argv, struct run_options *out)
{
    *out = (struct run_options){.checkpoint_every = 60, .time_limit = INFINITY};
    TRY(options_parse(command, &run_usage, argc, argv, out));
    if (!out->output)
        FAIL(STATUS_USAGE, "run: -o RESULTS.h5 is missing; see `weightsweep run --help`");
    return STATUS_OK;
}
