#include "base/text.h"
#include "commands/commands.h"
#include "commands/versions.h"
#include "kernel/arithmetic.h"
#include "kernel/gemm.h"

static const char help[] = "usage: weightsweep info\n"
                           "\n"
                           "Versions, processor, gemm library with its kernel and threads, HDF5 drivers.\n"
                           "\n"
                           "example: weightsweep info\n";

enum status command_info(const struct command *command, int argc, char **argv)
{
    bool help_wanted;
    TRY(command_without_options(command, help, argc, argv, NULL, &help_wanted));
    if (help_wanted)
        return STATUS_OK;
    gemm_setup();
    struct text text = {0};
    versions_print(&text);
    fputs(text.chars, command->out);
    text_free(&text);
    fprintf(command->out, "%-14s 1 a rank\n", "threads");
    if (gemm_why_widened())
        fprintf(command->out, "%-14s computed through fp32, rounded alike but slower: %s\n", "bf16",
                gemm_why_widened());
    if (arithmetic_forced())
        fprintf(command->out,
                "%-14s OPENBLAS_CORETYPE=%s chooses OpenBLAS's kernel; without it the library chooses by the "
                "processor, often faster\n",
                "forced", arithmetic_forced());
    return STATUS_OK;
}
