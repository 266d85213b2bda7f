/* Command line of `run`. */
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include "base/status.h"
#include "cli/options.h"
#include "driver/progress.h"
#include "kernel/gemm.h"

#include <stdbool.h>

struct run_options {
    const char *sweep, *output; // files
    struct option_texts set;    // KEY=VALUE
    struct option_texts only;   // RUN as in selection.h; empty: all runs
    bool *selected;             // [runs of the sweep], the runs that `only` selects; NULL: all
    int group;                  // 0: auto
    double time_limit;          // seconds; INFINITY: none
    double checkpoint_every;    // seconds
    bool grow, retry, other_numerics;
    enum gemm_library gemm; // of fp32
    enum progress_kind progress;
};

/* options_parse for `run`. The caller frees the values of `set` and `only`, also after a failure. */
enum status run_options_parse(const struct command *command, int argc, char **argv,
                              struct run_options *options);

#endif
