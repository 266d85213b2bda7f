// Trains every run of a sweep file and says all that happens, for test_training_torch.py.
//
//   training_trace SWEEP.yaml > RECORDS
//
// A record is a line "name dimension dimension ..." and that number of native floats. Of each run: `run` (the
// number of its parameters), the tensors at its start, and then for each step the batch as a whole (pairs,
// weights, probes), the loss, and the tensors after it.
#include "kernel/gemm.h"
#include "kernel/random.h"
#include "model/model.h"
#include "sweep/sweep.h"
#include "task/task.h"
#include "train/train.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/param.h>

struct trace {
    const struct run_spec *run;
    struct task *task; // of a whole batch
    struct tensor_table table;
    int64_t step; // said so far
};

static void put(const char *name, const float *values, int a, int b, int c)
{
    printf("%s %d", name, a);
    if (b)
        printf(" %d", b);
    if (c)
        printf(" %d", c);
    putchar('\n');
    fwrite(values, sizeof *values, (size_t)a * (size_t)MAX(b, 1) * (size_t)MAX(c, 1), stdout);
}

static void put_tensors(const struct trace *trace, const float *parameters)
{
    for (int i = 0; i < trace->table.count; i++) {
        const struct tensor *tensor = &trace->table.tensors[i];
        put(tensor->name, parameters + tensor->offset, tensor->rows, tensor->columns, 0);
    }
}

// The inputs of the same step in PyTorch; evaluation inputs are not part of the batch.
static void put_batch(const struct trace *trace, int64_t step)
{
    const struct run_spec *run = trace->run;
    int sets = run->training.batch, unknowns = generator_unknowns(&run->task.generator), stride;
    int points = run->task.eval_points, inputs = run->task.generator.inputs;
    const struct random_stream probe = {
        .seed = run->training.seed, .purpose = RANDOM_TRAIN_PROBE, .step = step};
    float *weights = calloc((size_t)(sets * unknowns), sizeof *weights);
    float *probes = calloc((size_t)(sets * points * inputs), sizeof *probes);
    task_fill(trace->task, TASK_TRAIN, run->training.seed, step, 0, sets);
    const float *columns = task_weights(trace->task, &stride);
    for (int set = 0; set < sets; set++) {
        for (int k = 0; k < unknowns; k++)
            weights[set * unknowns + k] = columns[k * stride + set];
        random_normals(probes + set * points * inputs, &probe, set, 1, points * inputs, 1);
    }
    put("pairs", task_pairs(trace->task), sets, task_equations(trace->task), task_pair_width(&run->task));
    put("weights", weights, sets, unknowns, 0);
    put("probes", probes, sets, points, inputs);
    free(weights);
    free(probes);
}

static enum status begin(void *context, struct train_state *state, bool *found)
{
    (void)context, (void)state;
    *found = false;
    return STATUS_OK;
}

static enum status after_step(void *context, const struct train_state *state)
{
    struct trace *trace = context;
    float loss = (float)state->scalars.loss;
    if (state->scalars.step == trace->step) // an evaluation, or the end
        return STATUS_OK;
    put_batch(trace, trace->step);
    put("loss", &loss, 1, 0, 0);
    put_tensors(trace, state->parameters);
    trace->step = state->scalars.step;
    return STATUS_OK;
}

static enum status curve(void *context, int64_t point, const struct train_state *state)
{
    (void)context, (void)point, (void)state;
    return STATUS_OK;
}

static void poll(void *context, const struct train_scalars *now)
{
    (void)context, (void)now;
}

static enum status put_start(const struct trace *trace)
{
    struct model *model;
    float *parameters = calloc(trace->table.parameters, sizeof *parameters);
    float count = (float)trace->table.parameters;
    TRY(model_create(&trace->run->model, 1, 1, &model));
    model_initialise(model, trace->run->training.seed, parameters);
    put("run", &count, 1, 0, 0);
    put_tensors(trace, parameters);
    model_destroy(&model);
    free(parameters);
    return STATUS_OK;
}

static enum status train(const struct run_spec *run)
{
    struct trace trace = {.run = run};
    const struct train_hooks hooks = {
        .context = &trace, .load = begin, .checkpoint = after_step, .curve = curve, .poll = poll};
    struct train_result result;
    model_tensors(&run->model, &trace.table);
    TRY(task_create(&run->task, run->training.batch, &trace.task));
    TRY(put_start(&trace));
    TRY(train_run(run, &hooks, MPI_COMM_SELF, &result));
    if (result.end != TRAIN_DONE)
        FAIL(STATUS_MACHINE, "run %s: %s", run->id, result.message);
    train_state_free(&result.state);
    task_destroy(&trace.task);
    return STATUS_OK;
}

static enum status trace_sweep(const char *path)
{
    char *text;
    struct sweep *sweep;
    TRY(sweep_read(path, &text));
    TRY(sweep_create(path, text, 0, NULL, &sweep));
    for (int64_t i = 0; i < sweep->runs; i++)
        TRY(train(&sweep->run[i]));
    sweep_destroy(&sweep);
    free(text);
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    gemm_setup();
    enum status status = argc == 2 ? trace_sweep(argv[1]) : STATUS_USAGE;
    if (status != STATUS_OK)
        fprintf(stderr, "training_trace: %s\n", argc == 2 ? status_message() : "expected SWEEP.yaml");
    MPI_Finalize();
    return (int)status;
}
