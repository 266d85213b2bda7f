#include "driver/bench_measure.h"
#include "base/clock.h"
#include "base/memory.h"
#include "driver/results.h"
#include "kernel/gemm.h"
#include "kernel/operand.h"
#include "kernel/random.h"
#include "model/model.h"
#include "task/task.h"
#include "train/optimizer.h"
#include "train/shard_tree.h"

#include <stdlib.h>
#include <unistd.h>

enum { SAMPLES = 15, STEPS_MAX = 4096 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *sample, int count)
{
    qsort(sample, (size_t)count, sizeof *sample, by_value);
    return sample[count / 2];
}

// Returns the seconds of one call: the median over SAMPLES batches of calls, about `seconds` in total.
static double measure(void (*call)(void *context), void *context, double seconds)
{
    double sample[SAMPLES], start = clock_seconds();
    call(context); // warm-up
    call(context);
    double once = (clock_seconds() - start) / 2;
    int calls = (int)(seconds / SAMPLES / once) + 1;
    for (int i = 0; i < SAMPLES; i++) {
        start = clock_seconds();
        for (int j = 0; j < calls; j++)
            call(context);
        sample[i] = (clock_seconds() - start) / calls;
    }
    return median(sample, SAMPLES);
}

static void fill_random(float *values, size_t count)
{
    const struct random_stream stream = {.seed = 1, .purpose = RANDOM_PARAMETERS};
    random_uniform(values, &stream, 0, (int64_t)count);
}

// Allocates `count` random elements of the precision; the caller frees them.
static enum status random_values(size_t count, enum precision precision, void **values)
{
    float *uniform;
    TRY(memory_alloc(count * sizeof(float), (void **)&uniform));
    fill_random(uniform, count);
    *values = uniform;
    if (precision == PRECISION_FP32)
        return STATUS_OK;
    void *rounded;
    enum status status = memory_alloc(count * precision_bytes(precision), &rounded);
    if (status == STATUS_OK)
        operand_copy(rounded, uniform, count, precision);
    memory_free((void **)&uniform);
    *values = rounded;
    return status;
}

// ---- matrix products ----

struct product {
    const struct bench_gemm *shape;
    enum gemm_types types;
    void *a, *b, *packed, *c;
};

static void multiply(void *context)
{
    const struct product *p = context;
    const struct bench_gemm *s = p->shape;
    bool gradient = s->kind == BENCH_GRADIENT;
    gemm_multiply(&(struct gemm){.types = p->types,
                                 .m = s->m,
                                 .n = s->n,
                                 .k = s->k,
                                 .a_transposed = gradient,
                                 .a = p->a,
                                 .b = p->b,
                                 .packed = gradient ? NULL : p->packed,
                                 .c = p->c,
                                 .add = gradient});
}

enum status bench_gemm(enum precision precision, const struct bench_gemm *shape, double seconds, double *each)
{
    size_t m = (size_t)shape->m, n = (size_t)shape->n, k = (size_t)shape->k;
    struct product product = {.shape = shape, .types = GEMM_FP32};
    if (precision == PRECISION_BF16)
        product.types = shape->kind == BENCH_GRADIENT ? GEMM_BF16_FP32 : GEMM_BF16;
    enum status status = STATUS_OK;
    TRY_DONE(random_values(m * k, precision, &product.a));
    TRY_DONE(random_values(k * n, precision, &product.b));
    TRY_DONE(
        memory_alloc(gemm_packed_elements(shape->n, shape->k) * precision_bytes(precision), &product.packed));
    TRY_DONE(memory_alloc(m * n * sizeof(float), &product.c));
    gemm_pack(precision, shape->n, shape->k, product.b, false, product.packed);
    *each = measure(multiply, &product, seconds);
done:
    memory_free(&product.a);
    memory_free(&product.b);
    memory_free(&product.packed);
    memory_free(&product.c);
    return status;
}

// ---- training steps: a run that stores no results ----

struct step_clock {
    int64_t step;             // the current step
    double start;             // clock at its start
    double sample[STEPS_MAX]; // [samples], seconds per step
    int samples;
};

static void on_poll(void *context, const struct train_scalars *now)
{
    struct step_clock *clock = context;
    if (now->step == clock->step)
        return;
    double seconds = clock_seconds();
    if (clock->step > 0 && clock->samples < STEPS_MAX) // the first step is a warm-up
        clock->sample[clock->samples++] = seconds - clock->start;
    clock->step = now->step;
    clock->start = seconds;
}

static enum status time_steps(const struct run_spec *run, int64_t steps, MPI_Comm comm,
                              struct step_clock *clock)
{
    struct run_spec some = *run;
    some.training.steps = some.training.evaluate_every = steps;
    *clock = (struct step_clock){0};
    const struct train_hooks hooks = {.context = clock, .poll = on_poll};
    struct train_result result;
    TRY(train_run(&some, &hooks, comm, &result));
    train_state_free(&result.state);
    return STATUS_OK;
}

enum status bench_step(const struct run_spec *run, MPI_Comm comm, double seconds, double *each)
{
    struct step_clock *clock = memory_small(sizeof *clock);
    enum status status = time_steps(run, 3, comm, clock); // estimates the time of one step
    double once = clock->samples > 0 ? median(clock->sample, clock->samples) : 1;
    MPI_Bcast(&once, 1, MPI_DOUBLE, 0, comm);
    int64_t steps = (int64_t)(seconds / once) + 4;
    if (status == STATUS_OK)
        status = time_steps(run, steps < STEPS_MAX ? steps : STEPS_MAX, comm, clock);
    *each = clock->samples > 0 ? median(clock->sample, clock->samples) : 0;
    MPI_Bcast(each, 1, MPI_DOUBLE, 0, comm);
    free(clock);
    return status;
}

// ---- random numbers, optimizers, all-reduce, evaluation, checkpoint ----

enum { NORMAL_INDICES = 64, NORMAL_COUNT = 256 };

static void make_normals(void *context)
{
    const struct random_stream stream = {.seed = 1, .purpose = RANDOM_TRAIN_INPUT};
    random_normals(context, &stream, 0, NORMAL_INDICES, NORMAL_COUNT, NORMAL_INDICES);
}

enum status bench_normals(double seconds, double *each)
{
    float *normals;
    TRY(memory_alloc(NORMAL_INDICES * NORMAL_COUNT * sizeof *normals, (void **)&normals));
    *each = measure(make_normals, normals, seconds) / (NORMAL_INDICES * NORMAL_COUNT);
    memory_free((void **)&normals);
    return STATUS_OK;
}

struct update {
    struct optimizer *optimizer;
    struct train_state state;
    float *gradient;
};

static void update(void *context)
{
    struct update *u = context;
    struct train_state *state = &u->state;
    optimizer_step(u->optimizer, state->scalars.step++, 1e-6, state->parameters, u->gradient, state->first,
                   state->second);
}

enum status bench_optimizer(enum optimizer_kind kind, enum precision precision,
                            const struct tensor_table *table, double seconds, double *each)
{
    struct update u = {0};
    enum status status = STATUS_OK;
    TRY_DONE(optimizer_create(kind, precision, table, &u.optimizer));
    TRY_DONE(train_state_alloc(table->parameters, &u.state));
    fill_random(u.state.parameters, table->parameters);
    TRY_DONE(random_values(table->parameters, PRECISION_FP32, (void **)&u.gradient));
    *each = measure(update, &u, seconds);
done:
    optimizer_destroy(&u.optimizer);
    train_state_free(&u.state);
    memory_free((void **)&u.gradient);
    return status;
}

// Fixed, because the number of repetitions must be equal on all ranks.
enum { REDUCTIONS = 101 };

enum status bench_allreduce(size_t count, MPI_Comm comm, double *each, double *mpi_each)
{
    float *vector = NULL, *exchange = NULL;
    double sample[2][REDUCTIONS];
    enum status status = STATUS_OK;
    TRY_DONE(random_values(count, PRECISION_FP32, (void **)&vector));
    TRY_DONE(memory_alloc((count + 1) / 2 * sizeof(float), (void **)&exchange));
    for (int i = 0; i < REDUCTIONS; i++) {
        MPI_Barrier(comm);
        double start = clock_seconds();
        shard_tree_allreduce(vector, count, exchange, comm);
        sample[0][i] = clock_seconds() - start;
        MPI_Barrier(comm);
        start = clock_seconds();
        MPI_Allreduce(MPI_IN_PLACE, vector, (int)count, MPI_FLOAT, MPI_MAX, comm);
        sample[1][i] = clock_seconds() - start;
    }
    *each = median(sample[0], REDUCTIONS);
    *mpi_each = median(sample[1], REDUCTIONS);
done:
    memory_free((void **)&vector);
    memory_free((void **)&exchange);
    return status;
}

struct scoring {
    struct model *model;
    struct task *task;
    int sets;
    float *output;
    struct task_score *score;
};

static void score(void *context)
{
    struct scoring *s = context;
    task_fill(s->task, TASK_HELD_OUT, 1, 0, 0, s->sets);
    model_set_pairs(s->model, task_equations(s->task));
    model_forward(s->model, s->sets, task_pairs(s->task), s->output);
    task_scores(s->task, s->output, s->score);
}

enum status bench_evaluation(const struct task_spec *task, const struct model_spec *model, int sets,
                             double seconds, double *each)
{
    struct scoring s = {.sets = sets};
    float *parameters = NULL;
    enum status status = STATUS_OK;
    TRY_DONE(model_create(model, sets, 1, &s.model));
    TRY_DONE(task_create(task, sets, &s.task));
    TRY_DONE(memory_alloc((size_t)sets * (size_t)model->outputs * sizeof(float), (void **)&s.output));
    TRY_DONE(memory_alloc((size_t)sets * sizeof *s.score, (void **)&s.score));
    TRY_DONE(memory_alloc(model_table(s.model)->parameters * sizeof(float), (void **)&parameters));
    model_initialise(s.model, 1, parameters);
    model_set_parameters(s.model, parameters);
    *each = measure(score, &s, seconds) / sets;
done:
    model_destroy(&s.model);
    task_destroy(&s.task);
    memory_free((void **)&s.output);
    memory_free((void **)&s.score);
    memory_free((void **)&parameters);
    return status;
}

enum { CHECKPOINTS = 9 };

static enum status write_checkpoints(const char *path, const struct sweep *sweep, struct train_state *state,
                                     double *each)
{
    struct store *store = NULL;
    double sample[CHECKPOINTS];
    TRY(results_create(path, sweep));
    enum status status = store_open(path, MPI_COMM_SELF, &store);
    for (int i = 0; i < CHECKPOINTS && status == STATUS_OK; i++) {
        double start = clock_seconds();
        state->scalars.step = i;
        status = results_checkpoint(store, 0, state, NULL);
        sample[i] = clock_seconds() - start;
    }
    *each = median(sample, CHECKPOINTS);
    if (store) {
        enum status closed = store_close(&store);
        status = status == STATUS_OK ? closed : status;
    }
    return status;
}

enum status bench_checkpoint(const struct sweep *sweep, double *each)
{
    const char *folder = getenv("TMPDIR");
    char *path = memory_format("%s/weightsweep-bench-%ld.h5", folder ? folder : "/tmp", (long)getpid());
    struct tensor_table table;
    struct train_state state = {0};
    enum status status = STATUS_OK;
    model_tensors(&sweep->run[0].model, &table);
    TRY_DONE(train_state_alloc(table.parameters, &state));
    fill_random(state.parameters, table.parameters);
    fill_random(state.first, table.parameters);
    fill_random(state.second, table.parameters);
    status = write_checkpoints(path, sweep, &state, each);
    unlink(path);
done:
    train_state_free(&state);
    free(path);
    return status;
}
