/* What the command line of `run` asks for. */
#ifndef COMMANDS_RUN_OPTIONS_H
#define COMMANDS_RUN_OPTIONS_H

#include "base/status.h"
#include "commands/progress.h"

#include <stdbool.h>

struct run_options {
    const char *sweep, *output; // files
    int sets;
    const char **set;  // [sets]
    const char *only;  // run ids, separated by commas; NULL: all
    int group;         // 0: auto
    double time_limit; // seconds; INFINITY: none
    double checkpoint_every;
    bool grow, retry, other_arithmetic, help;
    enum progress_kind progress;
};

extern const char run_help[];

/* The strings stay argv's; the caller frees options->set, also after a failure. STATUS_USAGE with a sentence. */
enum status run_options_parse(int argc, char **argv, struct run_options *options);

#endif
