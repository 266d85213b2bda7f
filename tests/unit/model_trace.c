// Trains a model on given batches, for test_model_torch.py.
//
//   model_trace POOLING RATE < BATCHES > PARAMETERS
//
// Native floats: on standard input one batch a step until the end, pairs [sets, pairs, 3] and then targets [sets, outputs]; on
// standard output the parameters at the start and after each step of Adam on the mean squared error. On standard error the
// tensors, a line each: name, rows, columns.
#include "kernel/gemm.h"
#include "model/model.h"
#include "train/optimizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 32, PAIRS = 20, WIDTH = 3, OUTPUTS = 6 };

static const struct model_description shape = {
    MODEL_DEEP_SETS, POOLING_MEAN,       WIDTH,      PAIRS,       16, {2, {24, 40}},
    {2, {32, 24}},   .outputs = OUTPUTS, .heads = 4, .queries = 2};

static void squared_error(const float *output, const float *target, float *gradient)
{
    for (int i = 0; i < SETS * OUTPUTS; i++)
        gradient[i] = 2 * (output[i] - target[i]) / (SETS * OUTPUTS);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"mean", "sum", "max", "moments", "attention"};
    static float pairs[SETS * PAIRS * WIDTH], target[SETS * OUTPUTS], output[SETS * OUTPUTS],
        output_gradient[SETS * OUTPUTS];
    struct model_description description = shape;
    struct model *model;
    struct optimizer *optimizer;
    if (argc != 3)
        return 2;
    for (int i = 0; i < 5; i++)
        if (strcmp(argv[1], names[i]) == 0)
            description.pooling = (enum pooling_kind)i;
    double rate = strtod(argv[2], NULL);
    gemm_setup();
    if (model_create(&description, SETS, &model) != STATUS_OK ||
        optimizer_create(OPTIMIZER_ADAM, PRECISION_FP32, model_table(model), &optimizer) != STATUS_OK)
        return 1;
    const struct tensor_table *table = model_table(model);
    size_t count = table->parameters;
    for (int i = 0; i < table->count; i++)
        fprintf(stderr, "%s %d %d\n", table->tensors[i].name, table->tensors[i].rows,
                table->tensors[i].columns);
    float *parameters = calloc(4 * count, sizeof *parameters);
    float *gradient = parameters + count, *first = gradient + count, *second = first + count;
    model_initialise(model, 3, parameters);
    fwrite(parameters, sizeof *parameters, count, stdout);
    for (int64_t step = 0;
         fread(pairs, sizeof pairs, 1, stdin) == 1 && fread(target, sizeof target, 1, stdin) == 1; step++) {
        model_use(model, parameters);
        model_forward(model, SETS, pairs, output);
        squared_error(output, target, output_gradient);
        model_backward(model, SETS, pairs, output_gradient, gradient);
        optimizer_step(optimizer, step, rate, parameters, gradient, first, second);
        fwrite(parameters, sizeof *parameters, count, stdout);
    }
    optimizer_destroy(&optimizer);
    model_destroy(&model);
    free(parameters);
    return 0;
}
