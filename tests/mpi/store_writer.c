// clang-format off
// Calls the store without training, for test_store_kill.py and for measurements:
//   store_writer create FILE RUNS     creates a file of RUNS runs of the default model
//   mpirun store_writer write FILE    writes all data of a sweep, run by run, in rounds, until it is killed
//   store_writer verify FILE
// clang-format on
#include "base/clock.h"
#include "base/memory.h"
#include "store/store.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POINTS = 20, OUTCOMES = 4 };

static const struct store_tensor tensors[] = {
    {"encoder.net.0.weight", 2, {128, 3}, 0},   {"encoder.net.0.bias", 1, {128}, 0},
    {"encoder.net.2.weight", 2, {256, 128}, 0}, {"encoder.net.2.bias", 1, {256}, 0},
    {"encoder.net.4.weight", 2, {128, 256}, 0}, {"encoder.net.4.bias", 1, {128}, 0},
    {"decoder.0.weight", 2, {256, 128}, 0},     {"decoder.0.bias", 1, {256}, 0},
    {"decoder.2.weight", 2, {128, 256}, 0},     {"decoder.2.bias", 1, {128}, 0},
    {"decoder.4.weight", 2, {15, 128}, 0},      {"decoder.4.bias", 1, {15}, 0},
};

static size_t fill_model(struct store_model *model)
{
    size_t offset = 0;
    model->tensors = sizeof tensors / sizeof *tensors;
    for (int i = 0; i < model->tensors; i++) {
        model->tensor[i] = tensors[i];
        model->tensor[i].offset = offset;
        offset += (size_t)(tensors[i].shape[0] * (tensors[i].rank == 2 ? tensors[i].shape[1] : 1));
    }
    model->checkpoint_bytes = 3 * offset * sizeof(float) + 64;
    return offset;
}

static void model_of(const void *context, int64_t run, struct store_model *model)
{
    (void)context, (void)run;
    fill_model(model);
}

static enum status create(const char *path, int64_t runs)
{
    struct column_table settings = {.rows = runs};
    char **ids = column_add(&settings, "run_id", COLUMN_TEXT, "1", "hash of the settings")->texts;
    char **tasks = column_add(&settings, "task", COLUMN_TEXT, "1", "learning task")->texts;
    char **hidden = column_add(&settings, "generator_hidden", COLUMN_LIST, "1", "widths")->texts;
    int64_t *seeds = column_add(&settings, "seed", COLUMN_INT, "1", "seed")->ints;
    for (int64_t run = 0; run < runs; run++) {
        ids[run] = memory_format("%012llx", (unsigned long long)run * 0x9e3779b9u);
        tasks[run] = memory_text("mlp-inverse");
        hidden[run] = memory_text("8,8");
        seeds[run] = run;
    }
    const struct column outcomes[OUTCOMES] = {{"steps_done", "steps", "steps done", COLUMN_INT, {NULL}},
                                              {"loss", "1", "loss", COLUMN_REAL, {NULL}},
                                              {"r2", "1", "R^2", COLUMN_REAL, {NULL}},
                                              {"wall_seconds", "s", "time", COLUMN_REAL, {NULL}}};
    struct store_plan plan = {.sweep = "name: store\n",
                              .resolved = "name: store\nseed: 1\n",
                              .versions = "{}",
                              .settings = &settings,
                              .outcomes = outcomes,
                              .outcome_count = OUTCOMES,
                              .points = POINTS,
                              .model = model_of};
    double start = clock_seconds();
    enum status status = store_create(path, &plan);
    printf("created %lld runs in %.2f s\n", (long long)runs, clock_seconds() - start);
    column_table_free(&settings);
    return status;
}

// Content of a run's checkpoint after `step` steps: every float encodes the step, so that a torn write is
// detected.
static void fill(float *values, size_t count, int64_t step)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)step;
}

static enum status write_run(struct store *store, int64_t run, int rank, float *state, size_t count)
{
    struct store_segment segments[] = {{state, count * sizeof *state}, {state, count * sizeof *state}};
    int64_t step = 0;
    bool found;
    TRY(store_read_checkpoint(store, run, &step, segments, 2, NULL, &found));
    for (size_t i = 0; found && i < count; i++)
        if (state[i] != (float)step) {
            fprintf(stderr, "run %lld: the checkpoint of step %lld holds a value of step %g\n",
                    (long long)run, (long long)step, (double)state[i]);
            return STATUS_INTERNAL;
        }
    struct store_point curve[POINTS];
    for (int64_t point = 0; point < POINTS; point++) {
        double x = (double)(run * POINTS + point); // equal in all rounds
        curve[point] = (struct store_point){(double)point * 100, x, x / 2, x / 3};
    }
    if (rank == 0) {
        TRY(store_restore_curve(store, run));
        TRY(store_write_status(store, run, RUN_RUNNING));
    }
    for (int64_t point = 0; point < POINTS; point++) {
        if (rank == 0)
            TRY(store_write_curve_point(store, run, point, &curve[point]));
        fill(state, count, ++step);
        TRY(store_write_checkpoint(store, run, step, segments, 2, curve, point + 1));
        if (rank == 0)
            TRY(store_write_outcome(store, run, "steps_done", (double)step));
    }
    int64_t model;
    if (rank != 0)
        return STATUS_OK;
    TRY(store_write_model(store, run, state, &model));
    return store_write_row(store, run, RUN_DONE, (double[OUTCOMES]){(double)step, 0.5, 0.25, 1.5}, model, "",
                           "test");
}

// Only rank 0 writes rows, curves and models, so only its runs finish. The other ranks write checkpoints of
// their runs.
static enum status write_forever(const char *path, int rank, int ranks, int64_t runs)
{
    struct store_model model = {0};
    size_t count = fill_model(&model);
    float *state = memory_small(count * sizeof *state);
    struct store *store;
    TRY(store_open(path, MPI_COMM_WORLD, &store));
    printf("pid %d\n", (int)getpid());
    fflush(stdout);
    for (;;)
        for (int64_t run = rank; run < runs; run += ranks)
            TRY(write_run(store, run, rank, state, count));
}

// The last rank finds no file. All ranks must fail with its message, and none may hang.
static enum status disagree(const char *path, int rank, int ranks)
{
    struct store *store = NULL;
    char *mine = memory_format("%s%s", path, rank == ranks - 1 ? ".missing" : "");
    enum status status = store_open(mine, MPI_COMM_WORLD, &store);
    bool right = status == STATUS_RESULTS && !store && strstr(status_message(), ".missing: no such file");
    free(mine);
    return right ? STATUS_OK : STATUS_INTERNAL;
}

int main(int argc, char **argv)
{
    enum status status = STATUS_USAGE;
    if (argc == 4 && strcmp(argv[1], "create") == 0) {
        status = create(argv[2], atoll(argv[3]));
    } else if (argc == 3 && strcmp(argv[1], "verify") == 0) {
        struct store_verified verified;
        double start = clock_seconds();
        status = store_verify(argv[2], &verified);
        printf("checked %lld in %.2f s\n", (long long)verified.checks, clock_seconds() - start);
    } else if (argc >= 3) {
        int rank, ranks;
        MPI_Init(&argc, &argv);
        MPI_Comm_rank(MPI_COMM_WORLD, &rank);
        MPI_Comm_size(MPI_COMM_WORLD, &ranks);
        if (argc == 4 && strcmp(argv[1], "write") == 0)
            status = write_forever(argv[2], rank, ranks, atoll(argv[3]));
        else if (strcmp(argv[1], "disagree") == 0)
            status = disagree(argv[2], rank, ranks);
        if (status == STATUS_OK)
            MPI_Finalize();
    }
    if (status != STATUS_OK)
        fprintf(stderr, "store_writer: %s (%s)\n", status_message(), status_source_location());
    return status_exit_code(status);
}
