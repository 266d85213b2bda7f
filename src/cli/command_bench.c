#include "base/agree.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "driver/bench_measure.h"
#include "kernel/gemm.h"
#include "kernel/numerics.h"
#include "store/store.h"
#include "sweep/settings.h"
#include "sweep/sweep.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct options {
    bool quick;
    int json; // 1: --format json
};

static const struct option option_table[] = {
    {0, "quick", NULL, "end within 40 s on one core", option_flag, offsetof(struct options, quick)},
    {0, "format", "table|json", "json: one object per line (table)", option_choice,
     offsetof(struct options, json)},
    {0}};

const struct usage bench_usage = {
    .name = "bench",
    .summary = "measure the speed of this machine",
    .synopsis = "weightsweep bench [--quick] [--format table|json]\n"
                "mpirun -n RANKS weightsweep bench",
    .description =
        "Measures this machine on random data: matrix products with the shapes of the training step, whole "
        "training steps, random numbers, optimizers, all-reduce, evaluation and checkpoint. `fraction` is "
        "the useful FLOP/s of a step divided by the best measured GEMM rate of the same precision in the "
        "lines above it. Under mpirun the ranks share the shards of each step.",
    .options = option_table,
    .example = "weightsweep bench --quick"};

/* Output line of one measurement: its name, its conditions, then its figures. */
struct line {
    struct text json, table;
    bool is_printed; // on rank 0 only
    bool as_json;
    FILE *out;
};

static void line_begin(struct line *line, const char *name)
{
    text_format(&line->json, "{\"name\": \"%s\"", name);
    text_format(&line->table, "%-12s", name);
}

static void line_text(struct line *line, const char *key, const char *value)
{
    text_format(&line->json, ", \"%s\": ", key);
    text_add_json(&line->json, value);
    text_format(&line->table, "  %s %s", key, value);
}

static void line_int(struct line *line, const char *key, long long value)
{
    text_format(&line->json, ", \"%s\": %lld", key, value);
    text_format(&line->table, "  %s %lld", key, value);
}

static void line_real(struct line *line, const char *key, double value)
{
    text_format(&line->json, ", \"%s\": ", key);
    if (isfinite(value))
        text_format(&line->json, "%.6g", value);
    else
        text_add(&line->json, "null");
    text_format(&line->table, "  %s %.4g", key, value);
}

static void line_end(struct line *line)
{
    if (line->is_printed && line->as_json)
        fprintf(line->out, "%s}\n", line->json.chars);
    else if (line->is_printed)
        fprintf(line->out, "%s\n", line->table.chars);
    fflush(line->out);
    text_free(&line->json);
    text_free(&line->table);
}

struct bench {
    MPI_Comm comm;
    struct line line;
    int rank, ranks;
    double seconds;      // per measurement
    double max_flops[2]; // [precision], best measured GEMM throughput, FLOP/s
};

// ---- the machine ----

static void show_machine(struct bench *bench)
{
    struct line *line = &bench->line;
    line_begin(line, "machine");
    line_text(line, "cpu", numerics_processor());
    line_text(line, "arithmetic", numerics_name(PRECISION_FP32));
    line_text(line, "arithmetic_bf16", numerics_name(PRECISION_BF16));
    line_int(line, "ranks", bench->ranks);
    line_int(line, "threads", 1);
    if (numerics_forced_kernel())
        line_text(line, "OPENBLAS_CORETYPE", numerics_forced_kernel());
    line_end(line);
}

// ---- matrix products ----

static const char *const product_names[] = {[BENCH_PACKED] = "A B, B packed", [BENCH_GRADIENT] = "C + A^T B"};

static enum status measure_gemm(struct bench *bench, enum precision precision, const struct bench_gemm *shape)
{
    double seconds;
    TRY(bench_gemm(precision, shape, bench->seconds / 2, &seconds));
    double flops = 2.0 * shape->m * shape->n * shape->k / seconds;
    bench->max_flops[precision] = fmax(bench->max_flops[precision], flops);
    struct line *line = &bench->line;
    line_begin(line, "gemm");
    line_text(line, "precision", settings_choice(SETTING_PRECISION, (int)precision));
    line_text(line, "library", gemm_library_name(gemm_library(precision)));
    line_text(line, "kernel", gemm_name(precision));
    line_int(line, "m", shape->m);
    line_int(line, "n", shape->n);
    line_int(line, "k", shape->k);
    line_text(line, "product", product_names[shape->kind]);
    line_real(line, "gflops", flops / 1e9);
    line_end(line);
    return STATUS_OK;
}

// Measures the GEMMs of a tile in a training step with mean pooling: activations, gradients of the
// activations, and gradient of the weights.
static enum status measure_tile(struct bench *bench, enum precision precision, const struct model_spec *model)
{
    int pairs = model_tile_sets(model, 64) * model->pairs,
        rows = gemm_prefers_blocks() ? model_round_rows(pairs, precision) : pairs;
    int in = model->encoder.width[0], out = model->encoder.width[1];
    const struct bench_gemm shapes[] = {
        {BENCH_PACKED, pairs, out, in}, {BENCH_PACKED, rows, in, out}, {BENCH_GRADIENT, out, in, rows}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        TRY(measure_gemm(bench, precision, &shapes[i]));
    return STATUS_OK;
}

// The same fp32 GEMMs by the libraries that training does not use, for comparison.
static enum status measure_other_libraries(struct bench *bench, const struct model_spec *model)
{
    enum gemm_library chosen = gemm_library(PRECISION_FP32);
    enum status status = STATUS_OK;
    for (enum gemm_library other = 0; other < GEMM_LIBRARIES && status == STATUS_OK; other++)
        if (other != chosen && gemm_use(PRECISION_FP32, other))
            status = measure_tile(bench, PRECISION_FP32, model);
    gemm_use(PRECISION_FP32, chosen);
    return status;
}

static enum status measure_products(struct bench *bench, const struct sweep *sweep)
{
    for (int precision = PRECISION_FP32; precision <= PRECISION_BF16; precision++) {
        for (int64_t run = 0; run < sweep->runs; run++) {
            struct model_spec model = sweep->run[run].model;
            if (model.pooling != POOLING_MEAN || model.precision != PRECISION_FP32)
                continue; // one run per set of shapes
            model.precision = (enum precision)precision;
            TRY(measure_tile(bench, (enum precision)precision, &model));
            if (precision == PRECISION_FP32)
                TRY(measure_other_libraries(bench, &model));
        }
    }
    return STATUS_OK;
}

// ---- training steps ----

static enum status measure_step(struct bench *bench, const char *name, const struct run_spec *run)
{
    double seconds;
    TRY(bench_step(run, bench->comm, bench->seconds, &seconds));
    double flops = run->training.batch * model_step_flops(&run->model); // without the optimizer's
    struct line *line = &bench->line;
    line_begin(line, name);
    char pooling[SETTINGS_WORD];
    const char *word = model_reads_sets(&run->model)
                           ? settings_joined(SETTING_POOLING, (int)run->model.pooling, pooling)
                           : "none";
    line_text(line, "model", settings_choice(SETTING_MODEL, (int)run->model.kind));
    line_text(line, "pooling", word);
    line_text(line, "precision", settings_choice(SETTING_PRECISION, (int)run->model.precision));
    line_int(line, "unknowns", run->unknowns);
    line_int(line, "equations", run->task.equations);
    line_int(line, "embed_dim", model_reads_sets(&run->model) ? run->model.embed_dim : 0);
    if (strcmp(name, "step") != 0) {
        line_int(line, "batch", run->training.batch);
        line_text(line, "optimizer", run->training.optimizer == OPTIMIZER_MUON ? "muon" : "adam");
    }
    if (run->model.refinements > 0)
        line_int(line, "refinements", run->model.refinements);
    line_int(line, "ranks", bench->ranks);
    line_real(line, "ms", 1e3 * seconds);
    line_real(line, "gflops", flops / seconds / 1e9);
    line_real(line, "fraction", flops / seconds / (bench->max_flops[run->model.precision] * bench->ranks));
    line_end(line);
    return STATUS_OK;
}

// Measures the runs of models that read sets, or of the other models.
static enum status measure_steps(struct bench *bench, const char *name, const struct sweep *sweep, bool sets)
{
    for (int64_t run = 0; run < sweep->runs; run++)
        if (bench->ranks <= sweep->run[run].training.shards &&
            model_reads_sets(&sweep->run[run].model) == sets)
            TRY(measure_step(bench, name, &sweep->run[run]));
    return STATUS_OK;
}

// ---- checkpoint, random numbers, optimizers, all-reduce, evaluation ----

static enum status measure_checkpoint(struct bench *bench, const struct sweep *sweep)
{
    double seconds = 0;
    enum status status = bench->rank == 0 ? bench_checkpoint(sweep, &seconds) : STATUS_OK;
    TRY(agree(status, bench->comm));
    line_begin(&bench->line, "checkpoint");
    line_int(&bench->line, "bytes", sweep->run[0].cost.checkpoint_bytes / 2);
    line_real(&bench->line, "ms", 1e3 * seconds);
    line_end(&bench->line);
    return STATUS_OK;
}

static enum status measure_parts(struct bench *bench, const struct run_spec *run)
{
    struct line *line = &bench->line;
    struct tensor_table table;
    double seconds, other;
    model_tensors(&run->model, &table);

    TRY(bench_normals(bench->seconds, &seconds));
    line_begin(line, "normals");
    line_real(line, "ns_each", 1e9 * seconds);
    line_end(line);

    for (int kind = OPTIMIZER_ADAM; kind <= OPTIMIZER_MUON; kind++)
        for (int precision = PRECISION_FP32; precision <= PRECISION_BF16; precision++) {
            if (kind == OPTIMIZER_ADAM && precision == PRECISION_BF16)
                continue; // always fp32
            TRY(bench_optimizer((enum optimizer_kind)kind, (enum precision)precision, &table, bench->seconds,
                                &seconds));
            line_begin(line, "optimizer");
            line_text(line, "optimizer", kind == OPTIMIZER_MUON ? "muon" : "adam");
            line_text(line, "precision", settings_choice(SETTING_PRECISION, precision));
            line_int(line, "parameters", (long long)table.parameters);
            line_real(line, "ms", 1e3 * seconds);
            line_end(line);
        }

    TRY(bench_allreduce(table.parameters, bench->comm, &seconds, &other));
    line_begin(line, "allreduce");
    line_int(line, "ranks", bench->ranks);
    line_int(line, "bytes", (long long)(table.parameters * sizeof(float)));
    line_real(line, "ms", 1e3 * seconds);
    line_real(line, "mpi_ms", 1e3 * other);
    line_end(line);

    TRY(bench_evaluation(&run->task, &run->model, run->training.batch / run->training.shards, bench->seconds,
                         &seconds));
    line_begin(line, "evaluation");
    line_text(line, "precision", settings_choice(SETTING_PRECISION, (int)run->model.precision));
    line_int(line, "unknowns", run->unknowns);
    line_int(line, "equations", run->task.equations);
    line_real(line, "us_each", 1e6 * seconds);
    line_end(line);
    return STATUS_OK;
}

// ---- the subcommand ----

// Creates a sweep with the shapes of the original experiment. `axes`: more axes, in YAML.
static enum status make_sweep(const char *unknowns, int ratio, const char *axes, struct sweep **sweep)
{
    char *text =
        memory_format("name: bench\n"
                      "equation_ratio: %d\n"
                      "training: {steps: 1000000}\n" // batch 1,024 and adam unless an axis says otherwise
                      "evaluation: {generators: 2, every: 1000000}\n"
                      "axes:\n"
                      "  unknowns: %s\n"
                      "%s",
                      ratio, unknowns, axes);
    enum status status = sweep_create("bench", text, 0, NULL, sweep);
    free(text);
    return status;
}

static enum status measure_all(struct bench *bench, bool quick)
{
    static const char both[] = "[15, 50]";
#define WORD(NAME, word, ...) word ", "
    static const char models[] = "  model: [" MODELS(WORD) "]\n  precision: [fp32, bf16]\n";
    static const char steps[] = "  pooling: [" POOLINGS(WORD) "]\n  precision: [fp32, bf16]\n";
    static const char batches[] = "  precision: [fp32, bf16]\n  batch: [256]\n  shards: [4]\n";
    static const char muon[] = "  precision: [fp32, bf16]\n  optimizer: [muon]\n";
    static const char quick_muon[] =
        "  precision: [fp32, bf16]\n  optimizer: [muon]\n  batch: [256]\n  shards: [4]\n";
    static const char refinements[] = "  precision: [fp32, bf16]\n  batch: [256]\n  shards: [4]\n"
                                      "  pooling: [max+mean]\n  refinements: [2]\n";
    struct sweep *sweep = NULL;
    enum status status = STATUS_OK;
    show_machine(bench);
    TRY_DONE(make_sweep(both, 3, steps, &sweep));
    TRY_DONE(measure_products(bench, sweep));
    TRY_DONE(measure_steps(bench, "step", sweep, true));
    TRY_DONE(measure_parts(bench, &sweep->run[0]));
    TRY_DONE(measure_checkpoint(bench, sweep));
    sweep_destroy(&sweep);
    TRY_DONE(make_sweep("[15]", 2, models, &sweep));
    TRY_DONE(measure_steps(bench, "step", sweep, false));
    const char *const more[] = {batches, muon, quick_muon, refinements};
    const char *const names[] = {"step_batch", "step_muon", "step_muon", "step_refinements"};
    for (int i = quick ? 2 : 0; i < 4; i++) {
        sweep_destroy(&sweep);
        TRY_DONE(make_sweep(quick && i == 3 ? "[15]" : both, 3, more[i], &sweep));
        TRY_DONE(measure_steps(bench, names[i], sweep, true));
    }
done:
    sweep_destroy(&sweep);
    return status;
}

enum status command_bench(const struct command *command, int argc, char **argv)
{
    struct options asked = {0};
    TRY(options_parse(command, &bench_usage, argc, argv, &asked));
    store_begin();
    struct bench bench = {.comm = command->start_mpi(),
                          .line = {.out = command->out, .as_json = asked.json},
                          .seconds = asked.quick ? 0.2 : 1};
    MPI_Comm_rank(bench.comm, &bench.rank);
    MPI_Comm_size(bench.comm, &bench.ranks);
    bench.line.is_printed = bench.rank == 0;
    if (bench.ranks > 16 || (bench.ranks & (bench.ranks - 1)) != 0)
        FAIL(STATUS_USAGE, "bench: %d ranks; expected 1, 2, 4, 8 or 16, which share the 16 shards of a step",
             bench.ranks);
    TRY(numerics_setup());
    return measure_all(&bench, asked.quick);
}
