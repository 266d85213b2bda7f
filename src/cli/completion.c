#include "cli/completion.h"

#include <string.h>

// Prints the choices of "auto|1|2|4..." separated by blanks, without the dots.
static void print_choices(FILE *out, const char *argument)
{
    for (; *argument; argument++)
        if (*argument != '.')
            fputc(*argument == '|' ? ' ' : *argument, out);
}

static void print_subcommand(FILE *out, const struct usage *usage)
{
    const struct option *options = usage->options;
    fprintf(out, "    %s)\n        options='--help", usage->name);
    for (int i = 0; options && options[i].name; i++)
        fprintf(out, " --%s", options[i].name);
    fputs("'\n        case $previous in\n", out);
    for (int i = 0; options && options[i].name; i++) {
        if (!options[i].argument)
            continue;
        fprintf(out, "        --%s", options[i].name);
        if (options[i].letter)
            fprintf(out, " | -%c", options[i].letter);
        fputs(") ", out);
        if (strchr(options[i].argument, '|')) {
            fputs("choices='", out);
            print_choices(out, options[i].argument);
            fputs("' ;;\n", out);
        } else {
            fputs("choices= options= ;;\n", out);
        }
    }
    fputs("        esac ;;\n", out);
}

void completion_print_bash(FILE *out, const struct usage *const *usages, int count)
{
    fputs("# Completion of weightsweep for bash: source <(weightsweep completion bash)\n"
          "_weightsweep() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} options= choices=\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '--help --version",
          out);
    for (int i = 0; i < count; i++)
        if (usages[i]->summary)
            fprintf(out, " %s", usages[i]->name);
    fputs("' -- \"$word\"))\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]} in\n",
          out);
    for (int i = 0; i < count; i++)
        if (usages[i]->summary)
            print_subcommand(out, usages[i]);
    fputs("    esac\n"
          "    if [ -n \"$choices\" ]; then\n"
          "        COMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n"
          "    elif [[ $word == -* ]]; then\n"
          "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
          "    else\n"
          "        compopt -o filenames\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
          "    fi\n"
          "}\n"
          "complete -F _weightsweep weightsweep\n",
          out);
}
