#include "base/text.h"
#include "cli/options.h"
#include "driver/versions.h"
#include "kernel/gemm.h"

const struct usage info_usage = {.name = "info",
                                 .summary = "print versions, processor and libraries",
                                 .synopsis = "weightsweep info",
                                 .description =
                                     "Prints the versions of the program and its libraries, the processor, "
                                     "the GEMM libraries with their kernels, and the threads.",
                                 .example = "weightsweep info"};

enum status command_info(const struct command *command, int argc, char **argv)
{
    TRY(options_parse(command, &info_usage, argc, argv, NULL));
    gemm_setup();
    struct text text = {0};
    versions_print(&text);
    fputs(text.chars, command->out);
    text_free(&text);
    fprintf(command->out, "%-14s 1 per rank\n", "threads");
    if (gemm_bf16_fallback_reason())
        fprintf(command->out, "%-14s emulated in fp32, same rounding but slower: %s\n", "bf16",
                gemm_bf16_fallback_reason());
    return STATUS_OK;
}
