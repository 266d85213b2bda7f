// Prints the sets of the regressions at the end of the first run of a sweep file, for test_floors.py.
//
//   floors_trace SWEEP.yaml > RECORDS
//
// A record is a line "name dimension dimension ..." and that number of native floats. For each regression:
// its column, with its degree; pairs [sets, n, pair width]; weights [unknowns, stride]; probes [points, d,
// stride].
#include "kernel/gemm.h"
#include "spec/extra_evaluations.h"
#include "sweep/sweep.h"
#include "task/task.h"

#include <stdio.h>

static void put(const char *name, const float *values, int a, int b, int c)
{
    printf("%s %d %d %d\n", name, a, b, c);
    fwrite(values, sizeof *values, (size_t)a * (size_t)b * (size_t)c, stdout);
}

static enum status put_sets(const struct extra_evaluation *evaluation, int64_t seed)
{
    const struct task_spec *spec = &evaluation->task;
    struct score_column names[EXTRA_SCORES_PER_EVALUATION];
    struct task *task;
    float degree = evaluation->kind == EXTRA_AFFINE_FIT ? 1 : 2;
    int stride;
    TRY(task_create(spec, evaluation->generators, &task));
    task_fill(task, TASK_HELD_OUT, seed, 0, 0, evaluation->generators);
    const float *weights = task_weights(task, &stride);
    extra_evaluation_columns(evaluation, names);
    put(names[0].name, &degree, 1, 1, 1);
    put("pairs", task_pairs(task), evaluation->generators, spec->equations, task_pair_width(spec));
    put("weights", weights, 1, generator_unknowns(&spec->generator), stride);
    put("probes", task_probes(task, &stride), spec->eval_points, spec->generator.inputs, stride);
    task_destroy(&task);
    return STATUS_OK;
}

static enum status put_floors(const char *path)
{
    char *text;
    struct sweep *sweep;
    struct extra_evaluation list[EXTRA_EVALUATIONS_MAX];
    TRY(sweep_read(path, &text));
    TRY(sweep_create(path, text, 0, NULL, &sweep));
    const struct run_spec *run = &sweep->run[0];
    int count = extra_evaluations_list(run, list);
    for (int i = 0; i < count; i++)
        if (list[i].kind == EXTRA_AFFINE_FIT || list[i].kind == EXTRA_QUADRATIC_FIT)
            TRY(put_sets(&list[i], run->training.seed));
    sweep_destroy(&sweep);
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    gemm_setup();
    if (argc == 2 && put_floors(argv[1]) == STATUS_OK)
        return 0;
    fprintf(stderr, "%s\n", argc == 2 ? status_message() : "floors_trace SWEEP.yaml");
    return 1;
}
