// Runs an optimizer on given gradients, for test_optimizer_torch.py.
//
//   optimizer_trace adam|muon RATE < GRADIENTS > PARAMETERS
//
// Native floats: on standard input one gradient a step until the end, on standard output the parameters after
// each step; they start at zero. On standard error the tensors, a line each: name, rows, columns, hidden
// matrix or not.
#include "kernel/gemm.h"
#include "train/optimizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Hidden matrices that are tall (40 x 24), wide (16 x 40, 8 x 16) and square (16 x 16).
static const struct model_spec description = {
    MODEL_DEEP_SETS, POOLING_MEAN, 3, 5, 16, {2, {24, 40}}, {2, {16, 8}}, .outputs = 6,
};

int main(int argc, char **argv)
{
    struct tensor_table table;
    struct optimizer *optimizer;
    model_tensors(&description, &table);
    for (int i = 0; i < table.count; i++) {
        const struct tensor *tensor = &table.tensors[i];
        fprintf(stderr, "%s %d %d %d\n", tensor->name, tensor->rows, tensor->columns, tensor->hidden_matrix);
    }
    if (argc != 3)
        return 2;
    enum optimizer_kind kind = strcmp(argv[1], "muon") == 0 ? OPTIMIZER_MUON : OPTIMIZER_ADAM;
    double rate = strtod(argv[2], NULL);
    size_t count = table.parameters;
    float *parameters = calloc(4 * count, sizeof *parameters);
    float *gradient = parameters + count, *first = gradient + count, *second = first + count;
    gemm_setup();
    if (optimizer_create(kind, PRECISION_FP32, &table, &optimizer) != STATUS_OK)
        return 1;
    for (int64_t step = 0; fread(gradient, sizeof *gradient, count, stdin) == count; step++) {
        optimizer_step(optimizer, step, rate, parameters, gradient, first, second);
        fwrite(parameters, sizeof *parameters, count, stdout);
    }
    optimizer_destroy(&optimizer);
    free(parameters);
    return 0;
}
